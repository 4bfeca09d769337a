"""The layers are tried bottom-up, and the first that fails is the answer."""

from __future__ import annotations

from midwatch.layers import LAYERS, QUESTIONS, Layer, LayerCheck, LayerResult, walk


def checks(tried: list[Layer], *, fails: Layer | None = None, throws: Layer | None = None) -> dict[Layer, LayerCheck]:
    def check(layer: Layer) -> LayerCheck:
        async def run() -> LayerResult:
            tried.append(layer)
            if layer == throws:
                raise RuntimeError("the server went away")
            return LayerResult(layer=layer, ok=layer != fails, detail="seen")

        return run

    return {layer: check(layer) for layer in reversed(LAYERS)}


async def test_all_layers_are_tried_in_their_order_when_all_hold() -> None:
    tried: list[Layer] = []
    results = [result async for result in walk(checks(tried))]
    assert tried == [*LAYERS]
    assert all(result.ok for result in results)


async def test_nothing_above_a_layer_that_fails_is_tried() -> None:
    tried: list[Layer] = []
    results = [result async for result in walk(checks(tried, fails="harness"))]
    assert tried == ["model", "tools", "harness"]
    assert [result.ok for result in results] == [True, True, False]


async def test_a_check_that_throws_has_failed_and_says_why() -> None:
    results = [result async for result in walk(checks([], throws="tools"))]
    assert results[-1] == LayerResult(layer="tools", ok=False, detail="the server went away")


def test_every_layer_has_its_question() -> None:
    assert set(QUESTIONS) == set(LAYERS)
