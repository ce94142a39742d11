"""`python -m napari_advseg` is the command line."""

from napari_advseg.cli import main

if __name__ == "__main__":
    main()
