"""Subtracting the training set's mean (平均の正規化; slide 38)."""

import chainer

from nico2ai_cnn.transforms._batch import batch_of


class MeanNormalization(chainer.Link):
    """Subtracts a mean that is measured once, on the training set, and saved with the model.

    As a link in a Chain it goes where the model goes: into ``serializers.save_npz``, and onto a GPU.

    Args:
        per (str): ``'pixel'``: a mean image, one number for each channel, row and column (AlexNet);
            ``'channel'``: one number for each channel (VGG16).

    Raises:
        ValueError: If ``per`` is neither.
    """

    def __init__(self, per='pixel'):
        super().__init__()
        if per not in ('pixel', 'channel'):
            raise ValueError(f"per must be 'pixel' or 'channel'; got {per!r}")
        self.per = per
        self.add_persistent('mean', None)

    def fit(self, images):
        """Measures the mean of the training images.

        Args:
            images: ``(N, C, H, W)`` of floats.

        Returns:
            MeanNormalization: Itself.

        Raises:
            TypeError, ValueError: If ``images`` is no such array.
        """
        if getattr(images, 'ndim', 4) != 4:
            raise ValueError(f'images must have shape (N, C, H, W); got {images.shape}')
        batch, _ = batch_of(images)
        if self.per == 'pixel':
            mean = batch.mean(axis=0, dtype=float)                                  # (C, H, W)
        else:
            mean = batch.mean(axis=(0, 2, 3), dtype=float)[:, None, None]           # (C, 1, 1)
        self.mean = self.device.send(mean.astype(batch.dtype))
        return self

    def forward(self, x):
        """Returns x less the mean.

        Args:
            x: ``(C, H, W)`` or ``(N, C, H, W)``, an array or a Variable.

        Raises:
            ValueError: If there is no mean yet, or it has another shape than the images.
        """
        if self.mean is None:
            raise ValueError('there is no mean yet: call fit(training images), or load a model that has one')
        fits = x.shape[-3:] == self.mean.shape or self.per == 'channel' and x.shape[-3:-2] == self.mean.shape[:1]
        if not fits or x.ndim not in (3, 4):
            raise ValueError(f'the mean is of images {self.mean.shape}; got {x.shape}')
        return x - self.mean
