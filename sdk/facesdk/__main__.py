"""``python -m facesdk``."""

from facesdk.cli.main import main

main()
