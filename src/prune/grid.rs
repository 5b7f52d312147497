//! Coarser grids: the functions of a layer written anew with fewer splines, where the inputs that reach them hardly tell.

use nalgebra::{DMatrix, DVector};

use crate::explain::LayerInputs;
use crate::model::{Density, LayerSpec, ModelError, NamedParameter, Network};
use crate::ops::Basis;
use crate::reference::edge_basis;

/// Added to the diagonal of the normal equations, as a share of its mean: it decides where hardly any input comes.
const RIDGE: f64 = 1e-6;

/// A network with a coarser grid in a layer.
#[derive(Debug, Clone)]
pub struct Coarser {
    /// The network.
    pub network: Network,
    /// Its parameters.
    pub parameters: Vec<f32>,
    /// What the new functions miss: the mean square of the differences over all edges, as a share of their functions' variance, both
    /// under the inputs that reach them.
    pub error: f64,
}

/// Writes the functions of a layer with splines on a grid of so many cells over the same range, by least squares under the inputs
/// that reach it. An edge that is zero stays so.
///
/// # Errors
/// [`ModelError`]: a grid that is not possible.
#[expect(
    clippy::cast_possible_truncation,
    reason = "weights are solved for in f64"
)]
pub fn coarser(
    network: &Network,
    parameters: &[f32],
    inputs: &LayerInputs,
    grid: usize,
) -> Result<Coarser, ModelError> {
    let mut spec = network.spec.clone();
    match &mut spec.layers[inputs.layer] {
        LayerSpec::KanConv(layer) => layer.grid = grid,
        LayerSpec::KanLinear(layer) => layer.grid = grid,
        LayerSpec::SharedSpline(layer) => layer.grid = grid,
        _ => {}
    }
    let new = Network::new(spec, network.input)?;
    let from = inputs.basis;
    let to = Basis { grid, ..from };
    let new_slots = to.slots();
    let fits: Vec<Fit> = inputs
        .channels
        .iter()
        .map(|channel| Fit::new(&channel.density, &from, &to))
        .collect();
    let name = format!(
        "{}.{}.weight",
        inputs.layer,
        network.spec.layers[inputs.layer].kind()
    );
    let mut tensors = network.edge_tensors().into_iter();
    let tensor = tensors.find(|tensor| tensor.layer == inputs.layer);
    let (mut missed, mut variance) = (0.0, 0.0);
    let mut named = network.named_parameters(parameters);
    for NamedParameter { dims, values, .. } in named.iter_mut().filter(|p| p.name == name) {
        let Some(tensor) = tensor else { continue };
        let area = tensor.kernel[0] * tensor.kernel[1];
        let mut refitted = vec![0.0f32; tensor.taps() * new_slots * tensor.outputs];
        for (tap, output) in tensor.places() {
            let channel = tap / area;
            let old: Vec<f32> = tensor.edge(parameters, tap, output).collect();
            let weights = DVector::from_iterator(old.len(), old.iter().map(|&w| f64::from(w)));
            let new = &fits[channel].map * &weights;
            for (slot, &value) in new.iter().enumerate() {
                refitted[(tap * new_slots + slot) * tensor.outputs + output] = value as f32;
            }
            variance += inputs.channels[channel].moments.deviation(&old).powi(2);
            missed += fits[channel].missed(&weights, &new);
        }
        *values = refitted;
        dims[3] = new_slots;
    }
    Ok(Coarser {
        parameters: new.flat_parameters(&named)?,
        network: new,
        error: missed / variance.max(f64::MIN_POSITIVE),
    })
}

/// New functions for old ones under a distribution of inputs.
struct Fit {
    /// Second moments of the old functions, of both, [new, old], and of the new ones.
    old: DMatrix<f64>,
    both: DMatrix<f64>,
    new: DMatrix<f64>,
    /// What makes new weights of old ones, [new, old].
    map: DMatrix<f64>,
}

impl Fit {
    fn new(density: &Density, from: &Basis, to: &Basis) -> Self {
        let values =
            |basis: &Basis, z: f64| DVector::from_fn(basis.slots(), |m, _| edge_basis(basis, m, z));
        let (slots, fewer) = (from.slots(), to.slots());
        let mut fit = Self {
            old: DMatrix::zeros(slots, slots),
            both: DMatrix::zeros(fewer, slots),
            new: DMatrix::zeros(fewer, fewer),
            map: DMatrix::zeros(fewer, slots),
        };
        for (z, share) in density.points() {
            let (old, new) = (values(from, z), values(to, z));
            fit.old.ger(share, &old, &old, 1.0);
            fit.both.ger(share, &new, &old, 1.0);
            fit.new.ger(share, &new, &new, 1.0);
        }
        let ridge = RIDGE * fit.new.trace() / fewer as f64;
        let normal = &fit.new + DMatrix::identity(fewer, fewer) * ridge.max(f64::MIN_POSITIVE);
        if let Some(normal) = normal.cholesky() {
            fit.map = normal.solve(&fit.both);
        }
        fit
    }

    /// Mean square of the difference of two functions.
    fn missed(&self, old: &DVector<f64>, new: &DVector<f64>) -> f64 {
        let mixed = new.dot(&(&self.both * old));
        let missed = old.dot(&(&self.old * old)) - 2.0 * mixed + new.dot(&(&self.new * new));
        missed.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::ChannelInputs;
    use crate::model::Spec;

    /// A network of a single layer, with inputs that reach a little beyond its grid.
    fn layer(grid: usize) -> (Network, LayerInputs) {
        let spec = Spec::from_toml(&format!(
            "name = \"t\"\n[[layers]]\ntype = \"kan_linear\"\nchannels = 3\ngrid = {grid}\n"
        ))
        .unwrap();
        let network = Network::new(spec, [2, 2]).unwrap();
        let basis = network.spec.layers[0].basis().unwrap();
        let density = Density::normal();
        let channel = ChannelInputs {
            moments: density.moments(&basis),
            outside: [0.0; 2],
            density,
        };
        let inputs = LayerInputs {
            layer: 0,
            basis,
            channels: vec![channel; 4],
        };
        (network, inputs)
    }

    #[test]
    fn functions_that_a_coarser_grid_can_make_are_made_exactly_and_others_nearly() {
        // What a grid of 2 cells makes a grid of 4 can make too.
        let (coarse, inputs) = layer(2);
        let (fine, fine_inputs) = layer(4);
        let parameters = coarse.initial_parameters(3);
        let up = coarser(&coarse, &parameters, &inputs, 4).unwrap();
        assert_eq!(up.network, fine);
        assert!(up.error < 1e-6, "{}", up.error);
        let down = coarser(&fine, &up.parameters, &fine_inputs, 2).unwrap();
        assert!(down.error < 1e-5, "{}", down.error);
        let clip = [0.3, -1.2, 2.1, -3.0];
        let made = |network: &Network, parameters: &[f32]| {
            let parameters: Vec<f64> = parameters.iter().map(|&p| p.into()).collect();
            network.reference(1, &clip, &parameters, None)
        };
        let wanted = made(&coarse, &parameters);
        for (got, want) in made(&down.network, &down.parameters).iter().zip(&wanted) {
            assert!((got - want).abs() < 1e-2, "{got} {want}");
        }
        // A random spline of 4 cells loses something, and no fit does better than the whole grid.
        let parameters = fine.initial_parameters(5);
        let [three, two, one] = [3, 2, 1].map(|grid| {
            coarser(&fine, &parameters, &fine_inputs, grid)
                .unwrap()
                .error
        });
        assert!(
            0.0 < three && three < two && two < one && one < 1.0,
            "{three} {two} {one}"
        );
        // An edge that is zero stays so.
        let mut parameters = fine.initial_parameters(5);
        let tensor = fine.edge_tensors()[0];
        tensor.remove(&mut parameters, 2, 1);
        let found = coarser(&fine, &parameters, &fine_inputs, 2).unwrap();
        assert_eq!(
            found.network.edge_tensors()[0].removed(&found.parameters),
            1
        );
    }
}
