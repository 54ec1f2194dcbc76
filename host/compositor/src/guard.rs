//! Requests that only pile something up, counted before smithay stores them.
//!
//! Owns the bounds of lists that a client may grow without ever committing: damage, frame callbacks, region rectangles
//! and offered types. Everything else of these interfaces is smithay's, unchanged.

use smithay::reexports::wayland_server::backend::ClientId;
use smithay::reexports::wayland_server::protocol::wl_callback::WlCallback;
use smithay::reexports::wayland_server::protocol::wl_compositor::WlCompositor;
use smithay::reexports::wayland_server::protocol::wl_data_device::WlDataDevice;
use smithay::reexports::wayland_server::protocol::wl_data_device_manager::WlDataDeviceManager;
use smithay::reexports::wayland_server::protocol::wl_data_source::{self, WlDataSource};
use smithay::reexports::wayland_server::protocol::wl_region::{self, WlRegion};
use smithay::reexports::wayland_server::protocol::wl_subcompositor::WlSubcompositor;
use smithay::reexports::wayland_server::protocol::wl_subsurface::WlSubsurface;
use smithay::reexports::wayland_server::protocol::wl_surface::{self, WlSurface};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, delegate_dispatch, delegate_global_dispatch,
};
use smithay::utils::Rectangle;
use smithay::wayland::compositor::{
    CompositorState, Damage, RegionUserData, SubsurfaceUserData, SurfaceAttributes, SurfaceUserData,
    get_region_attributes, with_states,
};
use smithay::wayland::selection::data_device::{
    DataDeviceState, DataDeviceUserData, DataSourceUserData, with_source_metadata,
};

use crate::clients::blame;
use crate::limits::{MAX_FRAME_CALLBACKS, MAX_OFFERED_TYPES, MAX_PENDING_DAMAGE, MAX_REGION_RECTS};
use crate::state::State;
use crate::types::Limit;

impl Dispatch<WlSurface, SurfaceUserData> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        surface: &WlSurface,
        request: wl_surface::Request,
        data: &SurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_surface::Request::Damage { .. } | wl_surface::Request::DamageBuffer { .. } => bound_damage(surface),
            wl_surface::Request::Frame { .. } => {
                let waiting = with_states(surface, |states| {
                    states.cached_state.get::<SurfaceAttributes>().pending().frame_callbacks.len()
                });
                if waiting >= MAX_FRAME_CALLBACKS {
                    blame(client, display, Limit::FrameCallbacks);
                }
            }
            _ => {}
        }
        <CompositorState as Dispatch<WlSurface, SurfaceUserData, Self>>::request(
            state, client, surface, request, data, display, init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, surface: &WlSurface, data: &SurfaceUserData) {
        <CompositorState as Dispatch<WlSurface, SurfaceUserData, Self>>::destroyed(state, client, surface, data);
    }
}

/// Merges a surface's pending damage, kind by kind, when the list is full.
fn bound_damage(surface: &WlSurface) {
    with_states(surface, |states| {
        let mut guard = states.cached_state.get::<SurfaceAttributes>();
        let damage = &mut guard.pending().damage;
        if damage.len() < MAX_PENDING_DAMAGE {
            return;
        }
        let (mut on_surface, mut in_buffer) = (None, None);
        for part in damage.drain(..) {
            match part {
                Damage::Surface(part) => {
                    on_surface = Some(on_surface.map_or(part, |all: Rectangle<_, _>| all.merge(part)));
                }
                Damage::Buffer(part) => {
                    in_buffer = Some(in_buffer.map_or(part, |all: Rectangle<_, _>| all.merge(part)));
                }
            }
        }
        damage.extend(on_surface.map(Damage::Surface));
        damage.extend(in_buffer.map(Damage::Buffer));
    });
}

impl Dispatch<WlRegion, RegionUserData> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        region: &WlRegion,
        request: wl_region::Request,
        data: &RegionUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let grows = matches!(request, wl_region::Request::Add { .. } | wl_region::Request::Subtract { .. });
        if grows && get_region_attributes(region).rects.len() >= MAX_REGION_RECTS {
            blame(client, display, Limit::Regions);
            return;
        }
        <CompositorState as Dispatch<WlRegion, RegionUserData, Self>>::request(
            state, client, region, request, data, display, init,
        );
    }
}

impl Dispatch<WlDataSource, DataSourceUserData> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        source: &WlDataSource,
        request: wl_data_source::Request,
        data: &DataSourceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let grows = matches!(request, wl_data_source::Request::Offer { .. });
        let held = with_source_metadata(source, |data| data.mime_types.len()).unwrap_or_default();
        if grows && held >= MAX_OFFERED_TYPES {
            blame(client, display, Limit::OfferedTypes);
            return;
        }
        <DataDeviceState as Dispatch<WlDataSource, DataSourceUserData, Self>>::request(
            state, client, source, request, data, display, init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, source: &WlDataSource, data: &DataSourceUserData) {
        <DataDeviceState as Dispatch<WlDataSource, DataSourceUserData, Self>>::destroyed(state, client, source, data);
    }
}

delegate_global_dispatch!(State: [WlCompositor: ()] => CompositorState);
delegate_global_dispatch!(State: [WlSubcompositor: ()] => CompositorState);
delegate_dispatch!(State: [WlCompositor: ()] => CompositorState);
delegate_dispatch!(State: [WlCallback: ()] => CompositorState);
delegate_dispatch!(State: [WlSubcompositor: ()] => CompositorState);
delegate_dispatch!(State: [WlSubsurface: SubsurfaceUserData] => CompositorState);
delegate_global_dispatch!(State: [WlDataDeviceManager: ()] => DataDeviceState);
delegate_dispatch!(State: [WlDataDeviceManager: ()] => DataDeviceState);
delegate_dispatch!(State: [WlDataDevice: DataDeviceUserData] => DataDeviceState);
