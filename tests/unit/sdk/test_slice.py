from aether.sdk import Config, Slice


async def test_a_slice_may_leave_start_and_stop_out() -> None:
    made = Slice()
    await made.start()
    await made.stop()
    assert dict(made.config) == {}


def test_config_is_a_mapping_that_does_not_show_its_values() -> None:
    config = Config({"key": "secret", "b": [1]})
    assert (config["key"], config.get("none", 5), len(config)) == ("secret", 5, 2)
    assert repr(config) == "Config(b, key)"
