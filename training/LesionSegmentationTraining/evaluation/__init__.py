"""How good a model or anyone's masks are: figures per case, over a case table, and pictures of them."""
