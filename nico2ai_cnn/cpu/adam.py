"""Adam's update of one parameter: one pass over memory instead of a dozen."""

import math


from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._compile import kernel

_LINE = 'float32[::1]'


def update(param, grad, m, v, hyperparam, alpha_t):
    """Updates param and the moments m and v in place: float32, contiguous, of one shape.

    See Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014,
    https://arxiv.org/abs/1412.6980.
    """
    lines = (array.reshape(-1) for array in (param, grad, m, v))
    pool.run(_update, param.size, *lines, 1 - hyperparam.beta1, 1 - hyperparam.beta2,
             hyperparam.eps, alpha_t, hyperparam.eta,
             1 - hyperparam.eta * hyperparam.weight_decay_rate, microseconds=param.size / 2_000)


@kernel(f'void(int64, int64, {_LINE}, {_LINE}, {_LINE}, {_LINE}, '
        'float32, float32, float32, float32, float32, float32)')
def _update(start, stop, param, grad, m, v, rate1, rate2, eps, alpha_t, eta, keep):
    param, grad = param[start:stop], grad[start:stop]
    m, v = m[start:stop], v[start:stop]
    for i in range(len(param)):
        m[i] += rate1 * (grad[i] - m[i])
        v[i] += rate2 * (grad[i] * grad[i] - v[i])
        param[i] = keep * param[i] - eta * (alpha_t / (math.sqrt(v[i]) + eps) * m[i])
