"""Which device to compute on."""

import chainer


def choose_device(device='auto'):
    """Returns the Chainer device to compute on.

    Args:
        device: ``'auto'`` (a GPU where CuPy finds one, else the CPU), ``'cpu'``,
            ``'gpu'``, or what ``chainer.get_device`` takes, such as ``'@cupy:0'``.

    Raises:
        RuntimeError: If a GPU is asked for where there is none.
        ValueError: If it is another string.
    """
    no_gpu = why_no_gpu()
    if isinstance(device, str) and device == 'auto':
        device = 'cpu' if no_gpu else 'gpu'
    wants_gpu = 'cupy' in str(device) or device == 'gpu' or (
        isinstance(device, int) and device >= 0)
    if wants_gpu and no_gpu:
        raise RuntimeError(f'device {device!r} needs a GPU, and there is none for CuPy '
                           f"({no_gpu}); use device='auto' or 'cpu'")
    try:
        return chainer.get_device({'cpu': '@numpy', 'gpu': '@cupy:0'}.get(device, device))
    except (RuntimeError, ValueError):
        if not isinstance(device, str) or device.startswith('@') or device == 'gpu':
            raise
        raise ValueError("device must be 'auto', 'cpu', 'gpu', or a name of Chainer's such as '@cupy:0'; "
                         f'got {device!r}') from None


def why_no_gpu():
    """Returns the reason why CuPy cannot compute here, or None where it can."""
    cuda = chainer.backends.cuda
    if not cuda.available:
        error = cuda._resolution_error
        if isinstance(error, ModuleNotFoundError) and error.name == 'cupy':
            return 'CuPy is not installed'
        return f'CuPy does not import: {" ".join(str(error).split())}'
    runtime = cuda.cupy.cuda.runtime
    try:
        return None if runtime.getDeviceCount() else 'CUDA counts 0 devices'
    except Exception as error:  # no driver, another CUDA: whatever CuPy says
        driver = runtime.driverGetVersion()
        return (f'{error}; CuPy is for CUDA {_dotted(runtime.runtimeGetVersion())}, and '
                + (f'the driver for {_dotted(driver)}' if driver else 'there is no driver of NVIDIA'))


def _dotted(version):
    """Returns '12.9' for 12090, as CUDA counts."""
    return f'{version // 1000}.{version % 1000 // 10}'
