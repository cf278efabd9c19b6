"""What a network does with one image: shapes, parameters, multiply-adds, receptive fields, activations."""

from nico2ai_cnn.inspection._record import record
from nico2ai_cnn.inspection._summary import summary
from nico2ai_cnn.inspection._table import Layer, Summary

__all__ = ['Layer', 'Summary', 'record', 'summary']
