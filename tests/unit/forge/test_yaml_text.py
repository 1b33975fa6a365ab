"""Plain values as YAML."""

from aether_forge.observability.yaml_text import Value, yaml_text


def test_mappings_lists_and_texts() -> None:
    value: Value = {
        "name": 'a "b"',
        "count": 3,
        "items": [{"x": 1, "y": ["z"]}, {"x": 2.5}],
        "none": [],
        "nothing": {},
    }
    assert yaml_text(value) == (
        'name: "a \\"b\\""\n'
        "count: 3\n"
        "items:\n"
        "  - x: 1\n"
        "    y:\n"
        '      - "z"\n'
        "  - x: 2.5\n"
        "none: []\n"
        "nothing: {}\n"
    )
