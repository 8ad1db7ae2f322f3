"""Named tuples and frozen data classes as in the standard library, made in less time.

One picture on the command line needs some sixty of these classes and of most only the definition.
`typing.NamedTuple` compiles each annotation, and `dataclasses.dataclass` the text of six methods:
together a fifth of the instructions of that process. Here annotations stay text, and methods are
shared, until a class has so many instances that a constructor of its own pays. What the classes do
is the same, also in `dataclasses.fields`, `dataclasses.replace`, `inspect.signature` and `pickle`.
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined]
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

__all__ = ["NamedTuple", "frozen"]

_OFTEN = 100
"""Instances of a class after which its constructor is compiled."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from inspect import Signature
    from typing import NamedTuple
else:

    class _NamedTupleType(type):
        def __new__(
            cls,
            name: str,
            bases: tuple[type, ...],
            namespace: dict[str, Any],
            *,
            root: bool = False,
        ) -> type:
            if not root:
                names = tuple(namespace.get("__annotations__", ()))
                defaults = {each: namespace.pop(each) for each in names if each in namespace}
                if tuple(defaults) != names[len(names) - len(defaults) :]:
                    raise TypeError(f"{name}: fields with a default come last")
                getters = {
                    each: _tuplegetter(place, f"Field {place}.") for place, each in enumerate(names)
                }
                namespace |= getters | {
                    "__new__": _constructor(names, defaults), "__slots__": (),
                    "__match_args__": names, "_fields": names, "_field_defaults": defaults,
                    "__signature__": _LazySignature(),
                }  # fmt: skip
            return super().__new__(cls, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_NamedTupleType, root=True):
        """Base of classes that are named tuples; annotations are not evaluated."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Any:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"expected {len(cls._fields)} values, not {len(made)}")
            return made

        def _replace(self, /, **changes: Any) -> Any:
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"no such field: {', '.join(changes)}")
            return made

        __replace__ = _replace

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            shown = [f"{name}={value!r}" for name, value in self._asdict().items()]
            return f"{type(self).__name__}({', '.join(shown)})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)


def _constructor(names: tuple[str, ...], defaults: dict[str, Any]) -> Callable[..., Any]:
    size, known, optional = len(names), frozenset(names), tuple(defaults.values())
    new, numbers = tuple.__new__, count()

    def construct(cls: Any, /, *given: Any, **named: Any) -> Any:
        if next(numbers) == _OFTEN and names:
            own = (each for each in cls.__mro__ if "__new__" in vars(each))
            owner = next(each for each in own if vars(each)["__new__"].__func__ is construct)
            result = f"_new(_self, ({', '.join(names)},))"
            owner.__new__ = staticmethod(_compiled(names, defaults, result, _new=new))
        if named:
            values = {**defaults, **dict(zip(names, given, strict=False)), **named}
            if values.keys() != known or not named.keys().isdisjoint(names[: len(given)]):
                _signature_of(cls).bind(*given, **named)  # raises a TypeError with the reason
            given = tuple([values[name] for name in names])
        elif len(given) != size:
            absent = size - len(given)
            if not 0 < absent <= len(optional):
                _signature_of(cls).bind(*given)
            given += optional[-absent:]
        return new(cls, given)

    return construct


def _compiled(
    names: tuple[str, ...], defaults: dict[str, Any], result: str, **known: Any
) -> Callable[..., Any]:
    """Return a function of ``_self`` and the fields, which is faster than one for all classes."""
    known |= {f"_default_{name}": value for name, value in defaults.items()}
    parameters = [f"{name}=_default_{name}" if name in defaults else name for name in names]
    text = f"lambda _self, {', '.join(parameters)}: {result}"
    made: Callable[..., Any] = eval(text, known)  # noqa: S307 - names of fields alone
    return made


_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(*, eq: bool = True, repr: bool = True) -> Callable[[type[_T]], type[_T]]:
    """Return a decorator that makes a frozen data class with slots; no field has a factory.

    Parameters
    ----------
    eq
        Instances are equal if all fields are; else each equals itself only, as arrays require.
    repr
        The text of an instance lists its fields.
    """

    def decorate(kind: type[_T]) -> type[_T]:
        own = {name for name, value in vars(kind).items() if value is not None}
        made = dataclass(init=False, repr=False, eq=False, slots=True)(kind)
        methods = {"__init__": _initializer(made), **_frozen_methods(made)}
        if repr:
            methods["__repr__"] = _text_method(made)
        if eq:
            methods |= _comparisons(made)
        for name in methods.keys() - own:
            setattr(made, name, methods[name])
        made.__signature__ = _LazySignature()  # type: ignore[attr-defined]
        return made

    return decorate


def _initializer(made: Any) -> Callable[..., None]:
    """Return ``__init__``, with the parameters of `_signature_of`."""
    listed = fields(made)
    # Slots set values whatever __setattr__ refuses.
    setters = {each.name: getattr(made, each.name).__set__ for each in listed}
    names = tuple(setters)
    defaults = {each.name: each.default for each in listed if each.default is not MISSING}
    finish, numbers = getattr(made, "__post_init__", None), count()

    def initialize(self: Any, /, *given: Any, **named: Any) -> None:
        if next(numbers) == _OFTEN and names and made.__init__ is initialize:
            known = {f"_set_{name}": setter for name, setter in setters.items()}
            calls = [f"_set_{name}(_self, {name})" for name in names]
            if finish is not None:
                calls.append("_finish(_self)")
            result = f"({', '.join(calls)},) and None"
            made.__init__ = _compiled(names, defaults, result, _finish=finish, **known)
        values = {**defaults, **dict(zip(names, given, strict=False)), **named}
        is_twice = given and (
            len(given) > len(names) or not named.keys().isdisjoint(names[: len(given)])
        )
        if is_twice or values.keys() != setters.keys():
            _signature_of(made).bind(*given, **named)  # raises a TypeError with the reason
        for name, value in values.items():
            setters[name](self, value)
        if finish is not None:
            finish(self)

    return initialize


def _frozen_methods(made: Any) -> dict[str, Callable[..., Any]]:
    """Return what refuses changes, and what `pickle` and `copy` need for that reason."""
    names = [each.name for each in fields(made)]

    def refuse_value(_self: Any, name: str, _value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def refuse_deletion(_self: Any, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: Any, values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    return {
        "__setattr__": refuse_value,
        "__delattr__": refuse_deletion,
        "__getstate__": state,
        "__setstate__": restore,
    }


def _text_method(made: Any) -> Callable[[Any], str]:
    names = [each.name for each in fields(made) if each.repr]

    def text(self: Any) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in names]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    return text


def _comparisons(made: Any) -> dict[str, Callable[..., Any]]:
    names = [each.name for each in fields(made) if each.compare]

    def values(self: Any) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in names])

    def is_equal(self: Any, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hash_of(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": is_equal, "__hash__": hash_of}


class _LazySignature:
    """Makes a signature when `inspect` asks for it."""

    def __get__(self, instance: object, owner: type) -> Signature:
        return _signature_of(owner)


def _signature_of(made: Any) -> Signature:
    """Return the signature of a class, whose annotations are text."""
    from inspect import Parameter, Signature

    kind, empty = Parameter.POSITIONAL_OR_KEYWORD, Parameter.empty
    if hasattr(made, "_fields"):
        defaults, types, result = made._field_defaults, made.__annotations__, empty
        each_of = [(name, types[name], defaults.get(name, MISSING)) for name in made._fields]
    else:
        result = None
        each_of = [(each.name, each.type, each.default) for each in fields(made)]
    parameters = [
        Parameter(name, kind, annotation=type_, default=empty if default is MISSING else default)
        for name, type_, default in each_of
    ]
    return Signature(parameters, return_annotation=result)
