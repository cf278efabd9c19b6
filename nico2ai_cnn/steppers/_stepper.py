"""What every stepper is: arrays for the page, and a first frame for where no page runs."""

import base64
import html
import io
import json
import pathlib

import anywidget
import matplotlib.pyplot as plt
import traitlets

_FOLDER = pathlib.Path(__file__).parent
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>:root {{ color-scheme: light dark; }} {css}</style></head>
<body><h1>{title}</h1><div id="stepper"></div>
<script type="module">
const scene = JSON.parse(document.getElementById('scene').textContent);
const model = {{get: name => ({{scene}})[name]}};
const module = new Blob([document.getElementById('module').textContent], {{type: 'text/javascript'}});
(await import(URL.createObjectURL(module))).default.render({{model, el: document.getElementById('stepper')}});
</script>
<script type="application/json" id="scene">{scene}</script>
<script type="text/plain" id="module">{module}</script>
</body></html>
"""


def module(name):
    """Returns one ES module: the drawing that all steppers share, then ``name.js``."""
    return '\n'.join((_FOLDER / file).read_text(encoding='utf-8') for file in ('drawing.js', f'{name}.js'))


class Stepper(anywidget.AnyWidget):
    """A picture that is stepped through in the page, without asking the kernel.

    A subclass sets ``title`` and ``_esm``, hands its numbers to ``__init__``, and draws
    :meth:`first_frame`.
    """

    title = 'Stepper'
    _css = _FOLDER / 'stepper.css'
    scene = traitlets.Dict().tag(sync=True)
    _ipython_display_ = None    # ipywidgets 7 would show the widget through it, and leave no PNG

    def __init__(self, scene):
        super().__init__(scene=scene)

    def first_frame(self):
        """Returns a new matplotlib figure of what the page shows first."""
        raise NotImplementedError

    def to_html(self):
        """Returns a web page, as text, that steps with no kernel and no network."""
        def embedded(text):
            return text.replace('</', '<\\/')       # so that no text can end its script element
        return _PAGE.format(
            title=html.escape(self.title), css=(_FOLDER / 'stepper.css').read_text(encoding='utf-8'),
            scene=embedded(json.dumps(self.scene)), module=self._esm)

    def __repr__(self):
        return f'{self.title}: run this cell to step through it'

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        figure = self.first_frame()
        png = io.BytesIO()
        figure.savefig(png, format='png', bbox_inches='tight')
        plt.close(figure)
        return {**data, 'text/plain': repr(self),
                'image/png': base64.b64encode(png.getvalue()).decode('ascii')}, metadata
