"""Names as options have them: of columns, labels and modalities."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def _check_name(value: Any) -> Any:
    """A name that YAML, or Python, made something else of is an error; whole numbers are names."""
    if isinstance(value, bool | float) or (value is not None and not isinstance(value, str | int | list | tuple)):
        remedy = 'write names that YAML reads as something else in quotation marks, such as "1e3"'
        raise ValueError(f"{value!r} is not a name; {remedy}")
    return value


def parse_names(value: Any) -> Any:
    """One name, or several, as a tuple."""
    values = (value,) if isinstance(value, str | int | float) else value
    return tuple(map(_check_name, values)) if isinstance(values, list | tuple) else values


Name = Annotated[str, BeforeValidator(_check_name, json_schema_input_type=str)]
Names = Annotated[tuple[str, ...], BeforeValidator(parse_names, json_schema_input_type=str | list[str])]
