"""What a network does: shapes, parameters, multiply-adds, receptive fields, activations; and what it looks for."""

from nico2ai_cnn.inspection._grad_cam import grad_cam
from nico2ai_cnn.inspection._maximize import Maximized, maximize_activation
from nico2ai_cnn.inspection._occlusion import occlusion
from nico2ai_cnn.inspection._record import record
from nico2ai_cnn.inspection._summary import summary
from nico2ai_cnn.inspection._table import Layer, Summary
from nico2ai_cnn.inspection._top_patches import TopPatches, top_patches

__all__ = ['Layer', 'Maximized', 'Summary', 'TopPatches', 'grad_cam', 'maximize_activation', 'occlusion', 'record',
           'summary', 'top_patches']
