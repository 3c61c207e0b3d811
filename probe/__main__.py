"""``python -m probe``, which is also what ``accelerate launch -m probe`` runs."""

from __future__ import annotations

from probe.cli import main

if __name__ == "__main__":
    main()
