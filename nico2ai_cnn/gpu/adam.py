"""Adam's update of all parameters in one kernel."""

import chainer
import numpy
from chainer.backends import cuda

_THREADS = 256
_BLOCKS = 256   # per parameter, at most


def update(optimizer, lossfun=None, *args, **kwargs):
    """Does what ``chainer.optimizers.Adam.update`` does, or returns NotImplemented where Chainer must.

    See Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, https://arxiv.org/abs/1412.6980.
    """
    if not isinstance(optimizer.target.device, chainer.backends.cuda.GpuDevice) or not _is_plain(optimizer):
        return NotImplemented
    if lossfun is not None:
        loss = lossfun(*args, **kwargs)
        optimizer.target.cleargrads()
        loss.backward()
        del loss
    optimizer.reallocate_cleared_grads()
    optimizer.call_hooks('pre')
    params = [param for param in optimizer.target.params() if param.update_rule.enabled]
    optimizer.t += 1
    if params:
        with chainer.using_device(optimizer.target.device):
            _step(optimizer, params)
    optimizer.reallocate_cleared_grads()
    optimizer.call_hooks('post')
    return None


def _is_plain(optimizer):
    hyperparam = optimizer.hyperparam
    if (optimizer._loss_scale is not None or optimizer._use_fp32_update or hyperparam.amsgrad
            or hyperparam.adabound or not getattr(optimizer, '_use_cleargrads', True)):
        return False
    kinds = {_kind(param, optimizer) for param in optimizer.target.params()} - {'frozen'}
    return len(kinds) == 1 and None not in kinds


def _kind(param, optimizer):
    """Returns how often a parameter was updated; 'frozen', or None, if something is not as usual."""
    rule = param.update_rule
    if rule is not None and not rule.enabled:
        return 'frozen'
    if (rule is None or type(rule) is not chainer.optimizers.adam.AdamRule or not rule.state
            or not vars(rule).keys().isdisjoint(('update_core', 'update_core_gpu'))
            or rule._hookable._pre_update_hooks or rule._hookable._post_update_hooks or param.layout is not None
            or any(type(rule.state[name]) is not cuda.ndarray for name in ('m', 'v'))     # just loaded
            or vars(rule.hyperparam) != {'_parent': optimizer.hyperparam}
            or param.device != optimizer.target.device or getattr(param, '_loss_scale', None) is not None
            or param.array.dtype != numpy.float32 or not param.array.flags.c_contiguous):
        return None
    return rule.t


def _step(optimizer, params):
    hyperparam = optimizer.hyperparam
    rules = [param.update_rule for param in params]
    for rule in rules:
        rule.t += 1
    grads = [cuda.cupy.ascontiguousarray(param.grad) for param in params]
    table = tuple((param.array.data.ptr, grad.data.ptr, rule.state['m'].data.ptr, rule.state['v'].data.ptr,
                   param.size) for param, grad, rule in zip(params, grads, rules))
    largest = max(param.size for param in params)
    blocks = min(-(-largest // _THREADS), _BLOCKS)
    rules[0]._check_eps(numpy.float32)
    _kernel()((blocks, len(params)), (_THREADS,), (
        _on_gpu(table, optimizer), *map(numpy.float32, (
            1 - hyperparam.beta1, 1 - hyperparam.beta2, hyperparam.eps, rules[0].alpha_t, hyperparam.eta,
            1 - hyperparam.eta * hyperparam.weight_decay_rate))))


def _on_gpu(table, optimizer):
    """Returns the table as an array; the last one, where nothing has moved, as when a step is recorded."""
    last = getattr(optimizer, '_table_on_gpu', (None, None))
    if last[0] != table:
        last = optimizer._table_on_gpu = table, cuda.cupy.asarray(numpy.array(table, numpy.int64))
    return last[1]


@cuda.memoize(for_each_device=True)
def _kernel():
    return cuda.cupy.RawKernel(r'''
extern "C" __global__ void adam(const long long* table, float rate1, float rate2, float eps, float alpha_t,
                                float eta, float keep) {
    const long long* row = table + 5 * blockIdx.y;
    float* param = (float*)row[0];
    const float* grad = (const float*)row[1];
    float* m = (float*)row[2];
    float* v = (float*)row[3];
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < row[4];
         i += gridDim.x * (long long)blockDim.x) {
        float g = grad[i];
        float mi = m[i] + rate1 * (g - m[i]);
        float vi = v[i] + rate2 * (g * g - v[i]);
        m[i] = mi;
        v[i] = vi;
        param[i] = keep * param[i] - eta * (alpha_t / (sqrtf(vi) + eps) * mi);
    }
}''', 'adam')
