//! Random scenes against a painter that paints everything every time.
//!
//! After every step the canvas must equal the painter's picture, and everything that changed since the step before must
//! lie inside the damage.

mod fixture;

use fixture::{Client, Fixture, Picture, viewport};
use proptest::prelude::*;
use shoji_compositor::{CanvasId, Size};
use wayland_client::protocol::{wl_subcompositor, wl_subsurface, wl_surface};
use wayland_protocols::wp::viewporter::client::{wp_viewport, wp_viewporter};

const COLOURS: [[u8; 4]; 5] = [[0, 0, 200, 255], [200, 0, 0, 255], [0, 200, 0, 255], [64, 64, 64, 128], [0, 0, 0, 0]];
const CHILDREN: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    /// Change part of the window's own picture.
    Paint {
        area: (i32, i32, i32, i32),
        colour: usize,
    },
    /// Give the window another size.
    Resize {
        size: (i32, i32),
    },
    /// Show, stretched to twice its size or not.
    Show {
        child: usize,
        size: (i32, i32),
        colour: usize,
        stretched: bool,
    },
    Move {
        child: usize,
        to: (i32, i32),
    },
    Hide {
        child: usize,
    },
    /// Above another child, or below everything.
    Raise {
        child: usize,
        above: Option<usize>,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let child = 0..CHILDREN;
    let colour = 0..COLOURS.len();
    prop_oneof![
        ((0..60, 0..40, 1..60, 1..40), 0..3_usize).prop_map(|(area, colour)| Op::Paint { area, colour }),
        (40..90, 30..60).prop_map(|size| Op::Resize { size }),
        (child.clone(), (1..40, 1..30), colour, any::<bool>()).prop_map(|(child, size, colour, stretched)| Op::Show {
            child,
            size,
            colour,
            stretched
        }),
        (child.clone(), (-30..80, -30..60)).prop_map(|(child, to)| Op::Move { child, to }),
        child.clone().prop_map(|child| Op::Hide { child }),
        (child.clone(), prop::option::of(child)).prop_map(|(child, above)| Op::Raise { child, above }),
    ]
}

struct Child {
    surface: wl_surface::WlSurface,
    role: wl_subsurface::WlSubsurface,
    view: wp_viewport::WpViewport,
    place: (i32, i32),
    shown: Option<((i32, i32), [u8; 4])>,
}

struct Scene {
    fixture: Fixture,
    client: Client,
    window: fixture::Window,
    canvas: CanvasId,
    picture: Picture,
    size: (i32, i32),
    own: Vec<[u8; 4]>,
    children: Vec<Child>,
    /// From bottom to top; None is the window itself.
    order: Vec<Option<usize>>,
    /// What a viewer has: the canvas as its damage told it.
    told: (Size, Vec<u8>),
}

impl Scene {
    fn new() -> Self {
        let mut fixture = Fixture::new(viewport(64, 48, 120));
        let mut client = fixture.connect();
        let (window, canvas) = fixture.open(&mut client, (64, 48), COLOURS[0]);
        let subcompositor = client.bind::<wl_subcompositor::WlSubcompositor>(1);
        let viewporter = client.bind::<wp_viewporter::WpViewporter>(1);
        let children = (0..CHILDREN)
            .map(|_| {
                let surface = client.surface();
                let role = subcompositor.get_subsurface(&surface, &window.surface, &client.handle, ());
                role.set_desync();
                let view = viewporter.get_viewport(&surface, &client.handle, ());
                Child { surface, role, view, place: (0, 0), shown: None }
            })
            .collect();
        let picture = client.picture((64, 48), COLOURS[0]);
        let told = (Size::new(64, 48), fixture.compositor.canvas(canvas).expect("it is open").pixels.to_vec());
        let order = std::iter::once(None).chain((0..CHILDREN).map(Some)).collect();
        let own = vec![COLOURS[0]; 64 * 48];
        Self { fixture, client, window, canvas, picture, size: (64, 48), own, children, order, told }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Paint { area: (x, y, width, height), colour } => {
                let (width, height) = (width.min(self.size.0 - x), height.min(self.size.1 - y));
                if width < 1 || height < 1 {
                    return;
                }
                self.picture.fill((x, y, width, height), COLOURS[colour]);
                for line in y..y + height {
                    let start = (line * self.size.0 + x) as usize;
                    self.own[start..start + width as usize].fill(COLOURS[colour]);
                }
                self.window.surface.attach(Some(&self.picture.buffer), 0, 0);
                self.window.surface.damage_buffer(x, y, width, height);
            }
            Op::Resize { size } => {
                self.size = size;
                self.picture = self.client.picture(size, COLOURS[1]);
                self.own = vec![COLOURS[1]; (size.0 * size.1) as usize];
                self.window.surface.attach(Some(&self.picture.buffer), 0, 0);
                self.window.surface.damage_buffer(0, 0, size.0, size.1);
            }
            Op::Show { child, size, colour, stretched } => {
                let child = &mut self.children[child];
                let factor = if stretched { 2 } else { 1 };
                let shown = (size.0 * factor, size.1 * factor);
                child.view.set_destination(shown.0, shown.1);
                self.client.show(&child.surface, size, COLOURS[colour]);
                child.shown = Some((shown, COLOURS[colour]));
            }
            Op::Move { child, to } => {
                self.children[child].role.set_position(to.0, to.1);
                self.children[child].place = to;
            }
            Op::Hide { child } => {
                let child = &mut self.children[child];
                child.surface.attach(None, 0, 0);
                child.surface.commit();
                child.shown = None;
            }
            Op::Raise { child, above } => {
                if above == Some(child) {
                    return;
                }
                self.order.retain(|other| *other != Some(child));
                let at = match above {
                    Some(other) => {
                        self.children[child].role.place_above(&self.children[other].surface);
                        self.order.iter().position(|held| *held == Some(other)).expect("it is in the order") + 1
                    }
                    None => {
                        self.children[child].role.place_below(&self.window.surface);
                        self.order.iter().position(Option::is_none).expect("the window is in the order")
                    }
                };
                self.order.insert(at, Some(child));
            }
        }
        self.window.surface.commit();
        self.fixture.trip(&mut self.client);
    }

    fn painted(&self) -> Vec<[u8; 4]> {
        let mut canvas = vec![[0; 4]; self.own.len()];
        for layer in &self.order {
            for (at, below) in canvas.iter_mut().enumerate() {
                let (x, y) = (at as i32 % self.size.0, at as i32 / self.size.0);
                let above = match layer {
                    None => Some(self.own[at]),
                    Some(child) => {
                        let Child { place, shown, .. } = &self.children[*child];
                        let inside = |shown: &&((i32, i32), [u8; 4])| {
                            let ((width, height), _) = **shown;
                            (place.0..place.0 + width).contains(&x) && (place.1..place.1 + height).contains(&y)
                        };
                        shown.as_ref().filter(inside).map(|(_, colour)| *colour)
                    }
                };
                if let Some(above) = above {
                    let rest = 255 - u32::from(above[3]);
                    *below = std::array::from_fn(|i| above[i] + ((u32::from(below[i]) * rest + 127) / 255) as u8);
                }
            }
        }
        canvas
    }

    fn check(&mut self, op: &Op) {
        let damage = self.fixture.compositor.take_damage(self.canvas);
        let view = self.fixture.compositor.canvas(self.canvas).expect("it is open");
        assert_eq!((view.size.width as i32, view.size.height as i32), self.size);
        if self.told.0 != view.size {
            assert_eq!(damage.pixels(), u64::from(view.size.width) * u64::from(view.size.height));
            self.told = (view.size, vec![0; view.pixels.len()]);
        }
        for rect in damage.rects() {
            for y in rect.y..rect.y + rect.height {
                let start = y as usize * view.stride + rect.x as usize * 4;
                let row = start..start + rect.width as usize * 4;
                self.told.1[row.clone()].copy_from_slice(&view.pixels[row]);
            }
        }
        assert_eq!(self.told.1, view.pixels, "something changed outside the damage: {op:?}");
        for (at, (real, ideal)) in view.pixels.as_chunks::<4>().0.iter().zip(self.painted()).enumerate() {
            let near = (0..3).all(|i| real[i].abs_diff(ideal[i]) <= 2);
            let (x, y) = (at as i32 % self.size.0, at as i32 / self.size.0);
            assert!(near, "at {x},{y}: {real:?} is not {ideal:?} after {op:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_canvas_is_what_a_painter_paints_and_damage_tells_every_change(ops in prop::collection::vec(op(), 1..40)) {
        let mut scene = Scene::new();
        for op in &ops {
            scene.apply(op);
            scene.check(op);
        }
    }
}
