import sys

import numpy as np
import pytest

from bayes_scaling.laws import elementwise

FUNCTIONS = ["exp", "expm1", "log", "log1p"]


@pytest.mark.parametrize("name", FUNCTIONS)
class TestEveryArrayTypeKeepsItsType:
    def test_float_and_integer(self, name):
        function = getattr(elementwise, name)
        assert float(function(0.7)) == getattr(np, name)(0.7)
        assert float(function(2)) == getattr(np, name)(2)

    def test_numpy(self, name):
        x = np.array([[0.1, 0.7], [1.3, 20.0]])
        np.testing.assert_array_equal(getattr(elementwise, name)(x), getattr(np, name)(x))

    def test_xarray_keeps_its_dims_and_labels(self, name):
        import xarray as xr

        x = xr.DataArray([0.1, 0.7], dims="group", coords={"group": ["a", "b"]})
        result = getattr(elementwise, name)(x)
        assert isinstance(result, xr.DataArray)
        xr.testing.assert_equal(result, x.copy(data=getattr(np, name)(x.to_numpy())))

    def test_jax_also_while_it_traces(self, name):
        jax = pytest.importorskip("jax")
        function = getattr(elementwise, name)
        x = jax.numpy.asarray([0.1, 0.7])
        assert isinstance(function(x), jax.Array)
        np.testing.assert_allclose(jax.jit(function)(x), getattr(np, name)(np.asarray(x)), rtol=1e-6)

    def test_pytensor(self, name):
        import pytensor.tensor as pt

        x = pt.vector("x")
        result = getattr(elementwise, name)(x)
        assert isinstance(result, pt.TensorVariable)
        value = result.eval({x: [0.1, 0.7]}, mode="FAST_COMPILE")
        np.testing.assert_allclose(value, getattr(np, name)([0.1, 0.7]), rtol=1e-12)


def test_log1p_keeps_digits_that_log_loses():
    assert float(elementwise.log1p(1e-18)) == 1e-18
    assert float(elementwise.log(1 + 1e-18)) == 0.0


def test_a_law_of_numbers_loads_no_array_library():
    import subprocess

    code = (
        "import sys, bayes_scaling as bs; "
        "bs.LAWS['chinchilla'](2.0, 3.0, E=1.7, A=.3, B=.3, alpha=.3, beta=.3); "
        "print(sorted({'jax', 'pymc', 'pytensor', 'xarray', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ARRAYS = ["float", "numpy", "xarray", "jax", "pytensor"]


def as_array(kind, values):
    if kind == "xarray":
        import xarray as xr

        return xr.DataArray(np.asarray(values), dims="draw")
    if kind == "jax":
        return pytest.importorskip("jax").numpy.asarray(values)
    if kind == "pytensor":
        import pytensor.tensor as pt

        return pt.as_tensor(np.asarray(values))
    return np.asarray(values) if kind == "numpy" else values[0]


def values_of(x):
    return np.asarray(x.eval(mode="FAST_COMPILE") if hasattr(x, "eval") else x)


@pytest.mark.parametrize("kind", ARRAYS)
class TestWhatNumpyHasNot:
    X = (-800.0, -1.0, 0.0, 2.0, 800.0)

    def first(self, kind, expected):
        return expected[0] if kind == "float" else expected

    def test_softplus_and_sigmoid_overflow_nowhere(self, kind):
        x = as_array(kind, self.X)
        soft = np.logaddexp(0.0, self.X)
        np.testing.assert_allclose(values_of(elementwise.softplus(x)), self.first(kind, soft), rtol=1e-6)
        s_shape = np.array([0.0, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2.0)), 1.0])
        got = values_of(elementwise.sigmoid(x))
        np.testing.assert_allclose(got, self.first(kind, s_shape), rtol=1e-6, atol=1e-30)

    def test_the_smaller_and_the_larger_also_against_a_number(self, kind):
        x = as_array(kind, self.X)
        for name in ("minimum", "maximum"):
            expected = self.first(kind, getattr(np, name)(self.X, 1.0))
            for arguments in ((x, 1.0), (1.0, x)):
                np.testing.assert_array_equal(values_of(getattr(elementwise, name)(*arguments)), expected)

    def test_stop_gradient_is_the_same_value(self, kind):
        got = values_of(elementwise.stop_gradient(as_array(kind, self.X)))
        np.testing.assert_array_equal(got, self.first(kind, np.array(self.X)))


@pytest.mark.seconds
def test_no_gradient_passes_through_a_constant():
    import jax
    import pytensor
    import pytensor.tensor as pt

    def product(x):
        return x * elementwise.stop_gradient(x)

    assert jax.grad(product)(3.0) == 3.0
    x = pt.dscalar("x")
    assert pytensor.function([x], pytensor.grad(product(x), x))(3.0) == 3.0
