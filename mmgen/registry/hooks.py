"""Behaviour that plugins add (callbacks during training, report sections), through pluggy.

Every plugin of the entry-point group ``mmgen`` is loaded and called behind a guard: one that fails is reported once,
with its name, and costs its own feature and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import pluggy

from . import hookspecs
from .components import Entry, entries, incompatible


class HookWarning(UserWarning):
    """A plugin's hook failed; its feature is missing and everything else goes on."""


class Hooks:
    """The loaded hook plugins, called by name: ``hooks.call("mmgen_epoch_end", run=…, epoch=…)``."""

    def __init__(self, plugins: Mapping[str, Any] | Sequence[Entry] | None = None) -> None:
        self.manager = pluggy.PluginManager("mmgen")
        self.manager.add_hookspecs(hookspecs)
        self.failures: dict[str, str] = {}
        if isinstance(plugins, Mapping):
            for name, plugin in plugins.items():
                self._register(plugin, name)
        else:
            for entry in entries("hooks") if plugins is None else plugins:
                self._load(entry)

    def _load(self, entry: Entry) -> None:
        try:
            needs = incompatible(entry.distribution)
            if needs:
                raise ImportError(f"it {needs}")
            plugin = entry.point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also those that pass an Exception by, such as of sys.exit
            self._report(entry.full_name, f"cannot be imported: {type(error).__name__}: {error}")
            return
        self._register(plugin, entry.full_name)

    def _register(self, plugin: Any, name: str) -> None:
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except Exception as error:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            self._report(name, f"does not fit the hook specifications: {error}")

    def _report(self, name: str, reason: str) -> None:
        if name not in self.failures:
            self.failures[name] = reason
            warnings.warn(f"The plugin {name} {reason}. Everything else goes on without it.", HookWarning, stacklevel=2)

    def call(self, hook: str, *, returns: type | None = None, **arguments: Any) -> list[Any]:
        """Call every implementation of ``hook``; the results of those that did not fail, without None.

        Each is given mappings and lists of its own: what it does to them is no business of others.

        An implementation whose result is not of the type ``returns`` has failed.
        """
        results = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                accepted = {name: _own(arguments[name]) for name in implementation.argnames}
                result = implementation.function(**accepted)
                if result is not None and returns is not None and not isinstance(result, returns):
                    raise TypeError(f"it returned {type(result).__name__}, not {returns.__name__}")
                results.append(result)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._report(implementation.plugin_name, f"failed in {hook}: {type(error).__name__}: {error}")
                self.manager.unregister(name=implementation.plugin_name)
        return [result for result in results if result is not None]


def _own(value: Any) -> Any:
    return deepcopy(value) if isinstance(value, dict | list) else value
