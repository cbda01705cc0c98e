"""``python -m mmgen`` is ``mmgen``."""

from .cli import main

if __name__ == "__main__":
    main()
