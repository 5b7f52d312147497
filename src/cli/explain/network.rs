//! What is told of a network.

use std::fmt::Write;

use serde_json::{Value, json};

use super::music::Music;
use crate::cli::table::{Align, Table};
use crate::explain::{Curve, LayerCurves, LayerNorms};
use crate::files::OutputFolder;
use crate::model::Network;
use crate::model_file::Model;
use crate::report::{
    Column, Headline, Page, Svg, add_chooser, channels_svg, decimal, gallery_svg, shapes_svg,
    shares_svg,
};
use crate::words::count;

/// Functions in a gallery.
const SHOWN: usize = 16;

/// Functions that a reader may choose among.
const CHOSEN: usize = 160;

/// Functions of a layer that the JSON document lists.
const LISTED: usize = 200;

/// What was found of a network.
pub(super) struct Explained<'a> {
    pub(super) model: &'a Model,
    pub(super) music: &'a Music,
    pub(super) layers: Vec<LayerCurves>,
    pub(super) norms: Vec<LayerNorms>,
}

/// The pictures of a layer with splines, by their names.
const PICTURES: [&str; 4] = ["curves", "bends", "shares", "shapes"];

/// Names of all files that may be written of a network's pictures.
pub(super) fn picture_names(network: &Network) -> Vec<String> {
    let layers = network.spec.layers.iter().enumerate();
    let splines = layers.filter(|(_, layer)| layer.basis().is_some());
    let of_layer = |(layer, _)| PICTURES.map(|name| file_name(name, layer));
    splines
        .flat_map(of_layer)
        .chain(["channels.svg".into()])
        .collect()
}

fn file_name(picture: &str, layer: usize) -> String {
    format!("{picture}-{layer}.svg")
}

impl Explained<'_> {
    pub(super) fn title(&self) -> String {
        format!("What {} has learned", self.model.network.spec.name)
    }

    pub(super) fn lead(&self) -> String {
        let plain = self.norms.iter().filter(|norms| !norms.splines).count();
        let weights = match plain {
            0 => String::new(),
            plain => format!(
                " {} a weight on each edge.",
                count(plain, "layer has", "layers have")
            ),
        };
        if self.layers.is_empty() {
            return format!(
                "This network has no splines: there are no curves to see.{weights} What is below says how strong its edges are."
            );
        }
        let straight: Vec<String> = self
            .layers
            .iter()
            .map(|layer| {
                format!(
                    "Layer {} is {} % linear",
                    layer.layer(),
                    decimal(100.0 * layer.linear, 0)
                )
            })
            .collect();
        format!(
            "{} a learned curve on each edge.{weights} {}: so much of what such curves do, for the music that was heard, a plain weight on each edge would do too.",
            count(self.layers.len(), "layer has", "layers have"),
            straight.join(", ")
        )
    }

    /// Adds the sections about the network, and writes their pictures into a folder.
    pub(super) fn add_to(
        &self,
        page: &mut Page,
        pictures: Option<&OutputFolder>,
    ) -> anyhow::Result<()> {
        let write = |name: &str, svg: &Svg| -> anyhow::Result<()> {
            if let Some(folder) = pictures {
                folder.write(name, svg.standalone().as_bytes())?;
            }
            Ok(())
        };
        if self.layers.len() > 1 {
            let rows: Vec<Vec<String>> = self.layers.iter().map(|layer| self.row(layer)).collect();
            page.table(&LAYERS, &rows, "The layers with curves: what straight lines, and multiples of a silu, explain of their variance; how many edges hold 90 % of it; how many inputs leave the grid.");
        }
        for layer in &self.layers {
            self.add_layer(page, layer, &write)?;
        }
        page.section("How strong the edges are, layer by layer");
        page.paragraph(
            "The root of the sum of squares over a channel's edges, the strongest channel first: of plain weights, or of what curves add under the inputs that reach them. A plain convolution has weights and not curves: this is what there is to see of it here. A channel near nothing is one that could go.",
        );
        if !self.norms.is_empty() {
            let svg = channels_svg(&self.norms)?;
            write("channels.svg", &svg)?;
            page.figure(
                &svg,
                "Norms by channel, against the strongest of the layer.",
            );
        }
        page.code(&format!(
            "layer                      output  parameters\n{}",
            self.model.network.summary().join("\n")
        ));
        Ok(())
    }

    fn row(&self, layer: &LayerCurves) -> Vec<String> {
        let kind = self.model.network.spec.layers[layer.layer()].kind();
        let edges = layer.curves.len();
        vec![
            format!("{}: {kind}", layer.layer()),
            edges.to_string(),
            format!("{} %", decimal(100.0 * layer.linear, 0)),
            format!("{} %", decimal(100.0 * layer.silu, 0)),
            share_of(layer.holding(0.9), edges),
            format!("{} %", decimal(100.0 * layer.inputs.outside(), 1)),
        ]
    }

    fn add_layer(
        &self,
        page: &mut Page,
        layer: &LayerCurves,
        write: &dyn Fn(&str, &Svg) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let kind = self.model.network.spec.layers[layer.layer()].kind();
        let edges = layer.curves.len();
        page.section(&format!(
            "Layer {}, {kind}: {}",
            layer.layer(),
            count(edges, "curve", "curves")
        ));
        let basis = layer.inputs.basis;
        page.paragraph(&format!(
            "Every curve is a sum of {} splines of order {} on a grid from {} to {}, and of a multiple of silu. A curve's importance is the standard deviation of what it adds, base and spline together with their cross terms, under the inputs that really reach it, from {} of music ({}). A constant that it adds does not count.",
            basis.slots().saturating_sub(1),
            basis.order,
            decimal((basis.centre - basis.range).into(), 1),
            decimal((basis.centre + basis.range).into(), 1),
            count(self.music.clips.len(), "segment", "segments"),
            self.music.source,
        ));
        let linear = format!("{} %", decimal(100.0 * layer.linear, 0));
        let silu = format!("{} %", decimal(100.0 * layer.silu, 0));
        let half = share_of(layer.holding(0.5), edges);
        let most = share_of(layer.holding(0.9), edges);
        let outside = format!("{} %", decimal(100.0 * layer.inputs.outside(), 1));
        page.headlines(&[
            Headline {
                value: &linear,
                name: "linear",
                note: "what the best straight lines explain of its curves' variance",
            },
            Headline {
                value: &silu,
                name: "a weight and a silu",
                note: "what the best multiple of a fixed silu explains of it",
            },
            Headline {
                value: &most,
                name: "of its edges hold 90\u{a0}%",
                note: &format!("of the variance; {half} hold half of it"),
            },
            Headline {
                value: &outside,
                name: "of the inputs leave the grid",
                note: "there splines go on straight",
            },
        ]);
        if layer.held_by(1) <= 0.0 {
            page.note("None of its curves varies over these inputs: there is nothing to draw");
            return Ok(());
        }
        let figure =
            |page: &mut Page, picture: usize, svg: Svg, caption: &str| -> anyhow::Result<()> {
                write(&file_name(PICTURES[picture], layer.layer()), &svg)?;
                page.figure(&svg, caption);
                Ok(())
            };
        let first: Vec<&Curve> = layer.curves.iter().take(SHOWN).collect();
        let shown = match first.len() {
            all if all == edges => "All curves".to_owned(),
            some => format!("The {some} most important of {edges} curves"),
        };
        figure(
            page,
            0,
            gallery_svg(layer, &first)?,
            &format!(
                "{shown}, less their means. A name says input → output channel @ row, column of the kernel; below it stand the closest simple form, the share of the variance that it explains, and how many of the inputs leave the grid."
            ),
        )?;
        add_chooser(page, layer, CHOSEN);
        figure(
            page,
            2,
            shares_svg(layer)?,
            "Left: how much of the sum of all curves' variances the first edges hold. Right: the same variance by how much of each curve the best straight line explains; the line marks the layer as a whole.",
        )?;
        let mut bent: Vec<&Curve> = layer.curves.iter().collect();
        let bend = |curve: &Curve| curve.share * (1.0 - curve.linear);
        bent.sort_by(|a, b| bend(b).total_cmp(&bend(a)));
        bent.truncate(SHOWN / 2);
        if edges > SHOWN {
            figure(
                page,
                1,
                gallery_svg(layer, &bent)?,
                "The curves whose bends matter most: those that lose most variance where a straight line takes their place.",
            )?;
        }
        page.table(&FORMS, &form_rows(layer), "The simplest of the forms that come within a hundredth of the closest, for every curve of the layer: how many curves have it, how much of the variance is theirs, and how much of that the form explains.");
        if edges > 1 {
            figure(
                page,
                3,
                shapes_svg(layer)?,
                "Clusters of like curves: their common shape over the most important curves of each, less their means and over their deviations; a curve and its negative have one shape. \u{201c}Alike\u{201d} is the share of their variance that the common shape explains.",
            )?;
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "network": self.model.network.spec.name,
            "inputs": {
                "source": self.music.source,
                "files": self.music.files,
                "clips": self.music.clips.len(),
            },
            "layers": self.layers.iter().map(layer_json).collect::<Vec<_>>(),
            "channels": self.norms,
        })
    }

    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        if self.layers.is_empty() {
            text.push_str("this network has no splines: there are no curves to see, only how strong its weights are\n");
        }
        for layer in &self.layers {
            let edges = layer.curves.len();
            let _ = writeln!(
                text,
                "layer {}: {}, {} % linear, {} % a weight and a silu; {} of its edges hold 90 % of the variance; {} % of the inputs leave the grid",
                layer.layer(),
                count(edges, "curve", "curves"),
                decimal(100.0 * layer.linear, 0),
                decimal(100.0 * layer.silu, 0),
                share_of(layer.holding(0.9), edges),
                decimal(100.0 * layer.inputs.outside(), 1)
            );
            let columns = ["form", "curves", "variance", "explained"];
            let align = |k: usize| if k == 0 { Align::Left } else { Align::Right };
            let mut table = Table::new(
                columns
                    .iter()
                    .enumerate()
                    .map(|(k, name)| (*name, align(k))),
            );
            form_rows(layer).into_iter().for_each(|row| table.row(row));
            text.push_str(&table.text());
        }
        text
    }
}

const LAYERS: [Column; 6] = [
    Column::text("Layer"),
    Column::number("Curves"),
    Column::number("Linear"),
    Column::number("Silu"),
    Column::number("Hold 90 %"),
    Column::number("Off the grid"),
];

const FORMS: [Column; 4] = [
    Column::text("Form"),
    Column::number("Curves"),
    Column::number("Variance"),
    Column::number("Explained"),
];

fn form_rows(layer: &LayerCurves) -> Vec<Vec<String>> {
    let forms = layer.forms().into_iter().filter(|count| count.edges > 0);
    forms
        .map(|found| {
            vec![
                found.form.name().to_owned(),
                found.edges.to_string(),
                format!("{} %", decimal(100.0 * found.share, 1)),
                format!("{} %", decimal(100.0 * found.r2, 1)),
            ]
        })
        .collect()
}

/// So many of the edges, in percent.
fn share_of(some: usize, all: usize) -> String {
    let share = 100.0 * some as f64 / all.max(1) as f64;
    format!("{} %", decimal(share, if share < 10.0 { 1 } else { 0 }))
}

fn layer_json(layer: &LayerCurves) -> Value {
    let held = [0.5, 0.9, 0.99].map(|part| json!({"part": part, "edges": layer.holding(part)}));
    let clusters = layer.clusters.iter().map(|cluster| {
        json!({
            "edges": cluster.edges,
            "share": cluster.share,
            "explained": cluster.explained,
            "places": cluster.places,
            "shape": cluster.shape,
        })
    });
    let curves = layer.curves.iter().take(LISTED).map(|curve| {
        json!({
            "input": curve.edge.input,
            "tap": curve.edge.tap,
            "output": curve.edge.output,
            "importance": curve.edge.importance,
            "share": curve.share,
            "linear": curve.linear,
            "silu": curve.silu,
            "form": curve.form,
            "outside": layer.inputs.channels[curve.edge.input].outside,
            "cluster": curve.cluster,
        })
    });
    json!({
        "layer": layer.layer(),
        "edges": layer.curves.len(),
        "linear": layer.linear,
        "silu": layer.silu,
        "outside": layer.inputs.outside(),
        "held": held,
        "forms": layer.forms(),
        "clusters": clusters.collect::<Vec<_>>(),
        "curves": curves.collect::<Vec<_>>(),
    })
}
