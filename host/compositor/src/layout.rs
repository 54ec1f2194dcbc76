//! Which layers a canvas has and where they lie.
//!
//! Owns the geometry: surface trees, popups and the drag icon in canvas pixels, and the canvas's size. Pure arithmetic
//! over committed state; it must never change a surface.

use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{Logical, Point};
use smithay::wayland::compositor::{
    SubsurfaceCachedState, SurfaceData, TraversalAction, with_states, with_surface_tree_upward,
};
use smithay::wayland::shell::xdg::{PopupSurface, SurfaceCachedState, XdgPopupSurfaceData};

use crate::canvas::{Contents, Draw, Layer};
use crate::limits::{MAX_CANVAS_SIDE, MAX_LAYERS, MAX_POPUP_DEPTH};
use crate::types::{Position, Size, Viewport};
use crate::window::Window;

/// Lists the layers of `window` from bottom to top and returns its canvas's size.
/// `drag` is the drag icon and where the pointer holds it on this canvas.
pub(crate) fn lay_out(
    window: &mut Window,
    contents: &Contents,
    popups: &[PopupSurface],
    drag: Option<(&WlSurface, Position)>,
    layers: &mut Vec<Layer>,
) -> Size {
    let root = window.toplevel.wl_surface();
    let Some(geometry) = window.geometry(contents) else {
        return window.picture.size();
    };
    let logical = (geometry.width(), geometry.height());
    let root_id = root.id();
    if window.scale != window.wanted.scale {
        // A client that has drawn for the wanted scale has a picture of that many pixels; until then the old
        // scale explains its picture better.
        let fits = |factor: f64| {
            let content = contents.get(&root_id)?;
            let (width, height) = content.size?;
            let layer = Layer::place(root, root_id.clone(), content, (0.0, 0.0), factor)?;
            Some(layer.draw == Draw::Copy(0, 0) && layer.area.width() == width && layer.area.height() == height)
        };
        if fits(window.wanted.scale.factor()) == Some(true) || fits(window.scale.factor()) != Some(true) {
            window.scale = window.wanted.scale;
        }
    }
    let scale = window.scale.factor();
    let origin = (-f64::from(geometry.x0), -f64::from(geometry.y0));
    add_tree(root, origin, scale, contents, layers);
    for popup in popups {
        if let Some((toplevel, x, y)) = popup_place(popup, popups)
            && toplevel == *root
        {
            add_tree(popup.wl_surface(), (f64::from(x), f64::from(y)), scale, contents, layers);
        }
    }
    if let Some((icon, at)) = drag {
        add_tree(icon, (at.x / scale, at.y / scale), scale, contents, layers);
    }
    layers.truncate(MAX_LAYERS);
    canvas_size(window, logical, layers.iter().find(|layer| layer.id == root_id))
}

/// The canvas's size for a window whose visible part is `logical` pixels.
fn canvas_size(window: &Window, logical: (i32, i32), root: Option<&Layer>) -> Size {
    let Viewport { size, scale, .. } = window.wanted;
    if window.scale == scale && logical == window.wanted_logical() {
        return size;
    }
    let whole = root.filter(|layer| layer.logical == logical && matches!(layer.draw, Draw::Copy(..)));
    let (width, height) = match whole {
        Some(layer) => (layer.area.width(), layer.area.height()),
        None => {
            let factor = window.scale.factor();
            ((f64::from(logical.0) * factor).round() as i32, (f64::from(logical.1) * factor).round() as i32)
        }
    };
    let clamp = |side: i32| (side.max(1) as u32).min(MAX_CANVAS_SIDE);
    Size::new(clamp(width), clamp(height))
}

/// Adds the visible surfaces of a tree, bottom first; the root's top left corner is at the logical point `origin`.
fn add_tree(root: &WlSurface, origin: (f64, f64), scale: f64, contents: &Contents, layers: &mut Vec<Layer>) {
    let place = |states: &SurfaceData, parent: &Point<f64, Logical>| {
        if states.role == Some("subsurface") {
            *parent + states.cached_state.get::<SubsurfaceCachedState>().current().location.to_f64()
        } else {
            *parent
        }
    };
    with_surface_tree_upward(
        root,
        Point::<f64, Logical>::from(origin),
        |surface, states, parent| match contents.get(&surface.id()).and_then(|content| content.size) {
            Some(_) => TraversalAction::DoChildren(place(states, parent)),
            None => TraversalAction::SkipChildren,
        },
        |surface, states, parent| {
            let at = place(states, parent);
            let id = surface.id();
            let layer = contents.get(&id).and_then(|content| Layer::place(surface, id, content, (at.x, at.y), scale));
            layers.extend(layer);
        },
        |_, _, _| true,
    );
}

/// The toplevel surface of a popup, and where the popup's surface (not its geometry) lies relative to that window's
/// geometry. None for a popup without a living parent.
pub(crate) fn popup_place(popup: &PopupSurface, popups: &[PopupSurface]) -> Option<(WlSurface, i32, i32)> {
    let own = with_states(popup.wl_surface(), |states| {
        states.cached_state.get::<SurfaceCachedState>().current().geometry.map_or((0, 0), |g| (g.loc.x, g.loc.y))
    });
    let offset = popup_offset(popup.wl_surface());
    let (root, x, y) = parents_place(popup, popups)?;
    Some((root, x + offset.0 - own.0, y + offset.1 - own.1))
}

/// The toplevel surface of a popup, and where its parent's geometry lies relative to that window's geometry.
pub(crate) fn parents_place(popup: &PopupSurface, popups: &[PopupSurface]) -> Option<(WlSurface, i32, i32)> {
    let mut parent = popup.get_parent_surface()?;
    let (mut x, mut y) = (0, 0);
    for _ in 0..=MAX_POPUP_DEPTH {
        let Some(above) = popups.iter().find(|popup| *popup.wl_surface() == parent) else {
            return Some((parent, x, y));
        };
        let offset = popup_offset(above.wl_surface());
        (x, y) = (x + offset.0, y + offset.1);
        parent = above.get_parent_surface()?;
    }
    None
}

/// Where a popup's geometry lies relative to its parent's, as last acknowledged.
fn popup_offset(surface: &WlSurface) -> (i32, i32) {
    with_states(surface, |states| {
        let data = states.data_map.get::<XdgPopupSurfaceData>()?.lock().ok()?;
        Some((data.current.geometry.loc.x, data.current.geometry.loc.y))
    })
    .unwrap_or_default()
}
