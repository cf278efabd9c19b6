"""What stands for cuDNN where there is no GPU: it checks what it is handed, and convolves by Chainer's im2col."""

import ctypes
import functools

import numpy as np
from chainer.utils.conv import col2im_cpu, im2col_cpu


class CuDNN:
    """The library.

    Args:
        algorithms: Those that it proposes, fastest first: number, status, bytes of memory, whether deterministic.
        math (int): How they multiply; as they are asked to, if None.
        is_short (bool): Whether memory is too short to measure.
    """

    def __init__(self, algorithms=((1, 0, 40, 1),), math=None, is_short=False):
        self.algorithms, self.math, self.is_short, self.said, self.used = algorithms, math, is_short, {}, []
        for kind in 'Forward', 'BackwardData', 'BackwardFilter':
            setattr(self, f'cudnnConvolution{kind}', functools.partial(self._convolve, kind))
            setattr(self, f'cudnnFindConvolution{kind}Algorithm', functools.partial(self._choose, kind, 'find'))
            setattr(self, f'cudnnGetConvolution{kind}Algorithm_v7', functools.partial(self._choose, kind, 'rule'))

    def _create(self, pointer):
        pointer._obj.value = len(self.said) + 1
        self.said[pointer._obj.value] = {}
        return 0

    cudnnCreate = cudnnCreateTensorDescriptor = cudnnCreateConvolutionDescriptor = _create

    def cudnnCreateFilterDescriptor(self, pointer):
        return self._create(pointer) or self._say(pointer._obj, is_filter=True)

    def _say(self, descriptor, **values):
        self.said[descriptor.value].update(values)
        return 0

    def cudnnSetTensor4dDescriptor(self, descriptor, layout, kind, *shape):
        return (layout, kind) != (0, 0) or self._say(descriptor, shape=shape)

    cudnnSetFilter4dDescriptor = cudnnSetTensor4dDescriptor

    def cudnnSetConvolution2dDescriptor(self, descriptor, ph, pw, sy, sx, dy, dx, mode, kind):
        return (mode, kind) != (1, 0) or self._say(descriptor, pad=(ph, pw), stride=(sy, sx), dilate=(dy, dx))

    def cudnnSetConvolutionGroupCount(self, descriptor, groups):
        return self._say(descriptor, groups=groups)

    def cudnnSetConvolutionMathType(self, descriptor, math):
        return self._say(descriptor, math=math)

    def cudnnSetStream(self, handle, stream):
        return 0

    def cudnnGetErrorString(self, status):
        return b'CUDNN_STATUS_STAND_IN'

    def _check(self, kind, *descriptors):
        which = [self.said[each.value].get('is_filter', False) for each in descriptors]
        assert which == [kind == 'BackwardData', kind == 'Forward', kind == 'BackwardFilter']

    def _choose(self, kind, how, handle, a, b, convolution, out, wanted, count, results):
        self._check(kind, a, b, out)
        assert wanted == len(results)
        if not self.algorithms or (self.is_short and how == 'find'):
            return 4004
        self.chosen_by = how
        count._obj.value = len(self.algorithms)
        for result, (number, status, memory, is_deterministic) in zip(results, self.algorithms):
            result.algorithm, result.status, result.memory = number, status, memory
            result.is_deterministic = is_deterministic
            result.math = self.said[convolution.value]['math'] if self.math is None else self.math
        return 0

    def _convolve(self, kind, handle, one, a, a_data, b, b_data, convolution, algorithm, workspace, memory, zero,
                  out, out_data):
        self._check(kind, a, b, out)
        assert workspace and memory == next(each[2] for each in self.algorithms if each[0] == algorithm)
        self.used.append((kind, algorithm, self.said[convolution.value]['math']))
        a, b, out = (_at(data, self.said[each.value]['shape'])
                     for data, each in ((a_data, a), (b_data, b), (out_data, out)))
        geometry = self.said[convolution.value]
        step, (dy, dx), groups = (*geometry['stride'], *geometry['pad']), geometry['dilate'], geometry['groups']
        if kind == 'BackwardData':
            W, gy = _grouped(a, groups, 0), _grouped(b, groups, 1)
            col = np.einsum('gocij,ngoyx->ngcijyx', W, gy)
            col = col.reshape(len(b), -1, *col.shape[3:])
            out[...] = col2im_cpu(col, *step, *out.shape[2:], dy=dy, dx=dx)
            return 0
        ksize = (b if kind == 'Forward' else out).shape[2:]
        col = _grouped(im2col_cpu(a, *ksize, *step, dy=dy, dx=dx), groups, 1)
        if kind == 'Forward':
            out[...] = np.einsum('gocij,ngcijyx->ngoyx', _grouped(b, groups, 0), col).reshape(out.shape)
        else:
            out[...] = np.einsum('ngoyx,ngcijyx->gocij', _grouped(b, groups, 1), col).reshape(out.shape)
        return 0


def _at(pointer, shape):
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), shape)


def _grouped(array, groups, axis):
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1:])
