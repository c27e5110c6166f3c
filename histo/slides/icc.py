"""Colour profiles: from the scanner's colours to sRGB, only when asked."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from histo.errors import UnsupportedSlideError

__all__ = ["srgb_transform"]


def srgb_transform(profile: bytes, name: str) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return the conversion of pixels from an embedded profile to sRGB.

    Parameters
    ----------
    profile
        ICC profile as embedded in the file.
    name
        File name, for the message.

    Returns
    -------
    callable
        From and to ndarray of uint8, shape (H, W, 3) or, with alpha kept as it is, (H, W, 4);
        thread-safe.

    Raises
    ------
    UnsupportedSlideError
        If the profile is broken or not one of RGB.
    """
    try:
        convert = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # Without its one-pixel cache a transform may be shared between threads.
            flags=ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as fault:
        raise UnsupportedSlideError(
            f"{name} embeds a colour profile that cannot be applied; read it without --icc.",
            slide=name,
        ) from fault

    def apply(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        colours = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        converted = np.asarray(ImageCms.applyTransform(colours, convert))
        return np.concatenate([converted, pixels[..., 3:]], axis=2)

    return apply
