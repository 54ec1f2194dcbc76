//! Parents in other connections: xdg-foreign, both versions.
//!
//! Owns the handles of exported windows. Chromium exports its window by version 2, GTK 3 (its file chooser, on a
//! connection of its own) imports by version 1 only, and smithay has version 2 only: so both are here, over one list of
//! handles. A handle names a window of this session and gives nothing but the right to be its dialog; it is therefore a
//! plain number.

use smithay::reexports::wayland_protocols::xdg::foreign::{zv1, zv2};
use smithay::reexports::wayland_server::backend::ClientId;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, Weak,
};
use smithay::wayland::compositor::with_states;
use smithay::wayland::shell::xdg::XdgToplevelSurfaceData;

use crate::state::State;
use zv1::server::zxdg_exported_v1::{self, ZxdgExportedV1};
use zv1::server::zxdg_exporter_v1::{self, ZxdgExporterV1};
use zv1::server::zxdg_imported_v1::{self, ZxdgImportedV1};
use zv1::server::zxdg_importer_v1::{self, ZxdgImporterV1};
use zv2::server::zxdg_exported_v2::{self, ZxdgExportedV2};
use zv2::server::zxdg_exporter_v2::{self, ZxdgExporterV2};
use zv2::server::zxdg_imported_v2::{self, ZxdgImportedV2};
use zv2::server::zxdg_importer_v2::{self, ZxdgImporterV2};

/// The exported windows. Bounded by the clients' objects: an entry lives as long as its `exported` object.
#[derive(Default)]
pub(crate) struct Exports {
    next: u32,
    exported: Vec<(u32, Weak<WlSurface>)>,
}

/// The number of an exported window.
pub(crate) struct Handle(u32);

/// What an importer referred to; None: nothing (any more).
pub(crate) struct Imported(Option<Weak<WlSurface>>);

impl Exports {
    fn export(&mut self, surface: &WlSurface) -> Handle {
        self.next = self.next.wrapping_add(1);
        self.exported.push((self.next, surface.downgrade()));
        Handle(self.next)
    }

    fn import(&self, handle: &str) -> Imported {
        let number = handle.strip_prefix(PREFIX).and_then(|number| number.parse::<u32>().ok());
        let found = self.exported.iter().find(|(held, _)| Some(*held) == number);
        Imported(found.map(|(_, surface)| surface.clone()))
    }

    /// The window that was exported last.
    pub(crate) fn newest(&self) -> Option<WlSurface> {
        self.exported.iter().rev().find_map(|(_, surface)| surface.upgrade().ok())
    }

    fn revoke(&mut self, handle: &Handle) {
        self.exported.retain(|(held, _)| *held != handle.0);
    }
}

impl Handle {
    fn text(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }
}

impl Imported {
    /// Makes `child` a dialog of the imported window.
    fn adopt(&self, child: &WlSurface) {
        let Some(parent) = self.0.as_ref().and_then(|parent| parent.upgrade().ok()) else { return };
        if parent == *child {
            return;
        }
        with_states(child, |states| {
            if let Some(data) = states.data_map.get::<XdgToplevelSurfaceData>()
                && let Ok(mut role) = data.lock()
            {
                role.parent = Some(parent);
            }
        });
    }
}

/// Offers both versions.
pub(crate) fn create_globals(display: &DisplayHandle) {
    display.create_global::<State, ZxdgExporterV1, ()>(1, ());
    display.create_global::<State, ZxdgImporterV1, ()>(1, ());
    display.create_global::<State, ZxdgExporterV2, ()>(1, ());
    display.create_global::<State, ZxdgImporterV2, ()>(1, ());
}

const PREFIX: &str = "shoji-";

macro_rules! foreign {
    ($exporter:ident, $exporter_module:ident, $export:ident, $exported:ident, $exported_module:ident,
     $importer:ident, $importer_module:ident, $import:ident, $imported:ident, $imported_module:ident) => {
        impl GlobalDispatch<$exporter, ()> for State {
            fn bind(
                _: &mut Self,
                _: &DisplayHandle,
                _: &Client,
                resource: New<$exporter>,
                (): &(),
                init: &mut DataInit<'_, Self>,
            ) {
                init.init(resource, ());
            }
        }

        impl GlobalDispatch<$importer, ()> for State {
            fn bind(
                _: &mut Self,
                _: &DisplayHandle,
                _: &Client,
                resource: New<$importer>,
                (): &(),
                init: &mut DataInit<'_, Self>,
            ) {
                init.init(resource, ());
            }
        }

        impl Dispatch<$exporter, ()> for State {
            fn request(
                state: &mut Self,
                _: &Client,
                _: &$exporter,
                request: $exporter_module::Request,
                (): &(),
                _: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                let $exporter_module::Request::$export { id, surface } = request else { return };
                let handle = state.exports.export(&surface);
                let text = handle.text();
                init.init(id, handle).handle(text);
            }
        }

        impl Dispatch<$exported, Handle> for State {
            fn request(
                _: &mut Self,
                _: &Client,
                _: &$exported,
                _: $exported_module::Request,
                _: &Handle,
                _: &DisplayHandle,
                _: &mut DataInit<'_, Self>,
            ) {
            }

            fn destroyed(state: &mut Self, _: ClientId, _: &$exported, handle: &Handle) {
                state.exports.revoke(handle);
            }
        }

        impl Dispatch<$importer, ()> for State {
            fn request(
                state: &mut Self,
                _: &Client,
                _: &$importer,
                request: $importer_module::Request,
                (): &(),
                _: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                let $importer_module::Request::$import { id, handle } = request else { return };
                let imported = state.exports.import(&handle);
                let unknown = imported.0.is_none();
                let object = init.init(id, imported);
                if unknown {
                    object.destroyed();
                }
            }
        }

        impl Dispatch<$imported, Imported> for State {
            fn request(
                _: &mut Self,
                _: &Client,
                _: &$imported,
                request: $imported_module::Request,
                imported: &Imported,
                _: &DisplayHandle,
                _: &mut DataInit<'_, Self>,
            ) {
                if let $imported_module::Request::SetParentOf { surface } = request {
                    imported.adopt(&surface);
                }
            }
        }
    };
}

foreign!(
    ZxdgExporterV1,
    zxdg_exporter_v1,
    Export,
    ZxdgExportedV1,
    zxdg_exported_v1,
    ZxdgImporterV1,
    zxdg_importer_v1,
    Import,
    ZxdgImportedV1,
    zxdg_imported_v1
);
foreign!(
    ZxdgExporterV2,
    zxdg_exporter_v2,
    ExportToplevel,
    ZxdgExportedV2,
    zxdg_exported_v2,
    ZxdgImporterV2,
    zxdg_importer_v2,
    ImportToplevel,
    ZxdgImportedV2,
    zxdg_imported_v2
);
