//! Chromium at every size and scale.

mod support;

use shoji_compositor::Size;
use support::{Session, viewport};

const PAGE: [u8; 3] = [0x10, 0x20, 0x30];

#[test]
fn a_live_resize_reaches_any_size() {
    let mut session = Session::start("");
    let main = session.main();
    for (width, height) in [(1000, 700), (777, 555), (1921, 1081), (320, 240), (3840, 2160), (641, 479)] {
        session.compositor.resize(main, viewport(width, height, 120));
        let size = Size::new(width, height);
        session.wait(&format!("the canvas is {size}"), |s| s.canvases[0].size == size);
        session.wait("the page reaches its corner", |s| s.pixel(main, width - 1, height - 1) == PAGE);
        session.screenshots(&format!("size-{size}"));
    }
}

#[test]
fn a_fractional_scale_is_drawn_by_chromium_itself() {
    let mut session = Session::start(
        "<script>function look(){if(devicePixelRatio==want)paint('rgb(0,200,0)')}let want=1.5;\
         matchMedia('(resolution:1.5dppx)').onchange=look;onresize=look</script>\
         <div style='position:fixed;left:0;top:0;width:100.66666px;height:100.66666px;background:rgb(200,0,0)'></div>",
    );
    let main = session.main();
    session.compositor.set_viewport(viewport(1281, 801, 180));
    session.compositor.resize(main, viewport(1281, 801, 180));
    session.wait("the canvas follows", |s| s.canvases[0].size == Size::new(1281, 801));
    session.wait("the page knows its scale", |s| s.find([0, 200, 0]).is_some());
    session.screenshots("scale");
    // 100.67 logical pixels are 151 physical ones: an odd number that only unscaled drawing can show sharply.
    let (x0, y0, x1, y1) = session.find([200, 0, 0]).expect("the square is shown");
    assert_eq!((x0, x1 - x0, y1 - y0), (0, 151, 151), "{y0}");
}

#[test]
fn scale_three_and_scale_one_and_a_fifth_start_at_their_size() {
    for (width, height, scale) in [(1800, 1201, 360), (1366, 768, 144)] {
        let session = Session::start_at("", viewport(width, height, scale));
        assert_eq!(session.canvases[0].size, Size::new(width, height));
        assert_eq!(session.pixel(session.main(), width - 1, height - 1), PAGE);
    }
}
