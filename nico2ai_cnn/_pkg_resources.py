"""What two modules of ``chainer.testing`` want of pkg_resources, which is gone from setuptools 81."""

import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
import types

_NEEDS_PKG_RESOURCES = ('chainer.testing.helper', 'chainer.testing.doctest_helper')


class PkgResourcesLender(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lends pkg_resources to the two modules that import it, while they do."""

    def __init__(self):
        self._loaders = {}

    def find_spec(self, fullname, path, target=None):
        if fullname not in _NEEDS_PKG_RESOURCES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        self._loaders[fullname] = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        before = sys.modules.get('pkg_resources')
        sys.modules['pkg_resources'] = _PkgResources('pkg_resources')
        try:
            self._loaders[module.__name__].exec_module(module)
        finally:
            if before is None:
                del sys.modules['pkg_resources']
            else:
                sys.modules['pkg_resources'] = before


class _PkgResources(types.ModuleType):
    """The two names that ``chainer.testing`` takes from pkg_resources."""

    class ResolutionError(Exception):
        pass

    class WorkingSet:
        def require(self, *requirements):
            from packaging.requirements import Requirement
            for requirement in map(Requirement, requirements):
                try:
                    version = importlib.metadata.version(requirement.name)
                except importlib.metadata.PackageNotFoundError:
                    version = None
                if version is None or not requirement.specifier.contains(
                        version, prereleases=True):
                    raise _PkgResources.ResolutionError(str(requirement))
