"""From images (and made-up patients) to one cache file that a training reads: the ``prepare`` command."""
