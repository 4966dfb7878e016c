"""The version of the installed distribution, which is called ``facesdk-edge``.

The name ``facesdk`` belongs to an unrelated package.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("facesdk-edge")
except PackageNotFoundError:
    __version__ = "0+uninstalled"
