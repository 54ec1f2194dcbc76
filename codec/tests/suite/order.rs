//! What goes first: near pointer and caret, then text, then photographs and films, then refinement.

use shoji_codec::{Budget, Decoder, Rect};

use crate::common::{Page, Pair};

/// Whether the viewer shows an area as the page has it.
fn shows(decoder: &Decoder, page: &Page, area: Rect) -> bool {
    let (canvas, width) = (decoder.canvas().pixels(), page.size.width);
    (area.y..area.bottom()).all(|y| {
        let row = (y * width + area.x) as usize * 4..(y * width + area.right()) as usize * 4;
        let pairs = canvas[row.clone()].chunks(4).zip(page.pixels[row].chunks(4));
        pairs.into_iter().all(|(a, b)| a[..3] == b[..3])
    })
}

/// A full-HD page that was sent, on a link with a budget.
fn sent(budget: usize) -> (Page, Pair) {
    let page = Page::new(1920, 1080);
    let mut pair = Pair::new(true);
    pair.budget = Budget { bytes: budget };
    pair.send(&page, &[]);
    pair.now.0 += 1_000_000;
    (page, pair)
}

#[test]
fn the_text_of_a_page_goes_before_its_photographs() {
    let (mut page, mut pair) = sent(40_000);
    let (photo, text) =
        (Rect { x: 128, y: 64, width: 768, height: 448 }, Rect { x: 0, y: 576, width: 1920, height: 500 });
    page.film(photo, 1);
    page.text(text, 0);
    let mut damage = vec![page.size.rect()];
    loop {
        let part = pair.send_part(&page, &damage);
        damage.clear();
        assert!(part.stats.video == 0 || shows(&pair.decoder, &page, text), "a photograph went before text");
        if !part.more {
            assert!(part.stats.video >= photo.area(), "{part:?}");
            break;
        }
    }
    pair.rest(&page);
}

#[test]
fn text_that_changed_beside_a_film_goes_alone_where_it_is_asked_for_and_the_film_is_the_rest() {
    let film = Rect { x: 128, y: 64, width: 768, height: 448 };
    let line = Rect { x: 64, y: 900, width: 300, height: 24 };
    let part_beside_film = |alone: bool| {
        let (mut page, mut pair) = sent(40_000);
        for picture in 0..6 {
            pair.now.0 += 33_000;
            page.film(film, picture);
            pair.send(&page, &[film]);
        }
        pair.now.0 += 33_000;
        page.film(film, 7);
        page.text(line, 3);
        pair.encoder.set_text_alone(alone);
        let part = pair.send_part(&page, &[film, line]);
        assert!(shows(&pair.decoder, &page, line));
        let mut video = part.stats.video;
        while video < film.area() {
            let rest = pair.send_part(&page, &[]);
            assert!(!rest.empty, "the film never goes");
            video += rest.stats.video;
        }
        pair.rest(&page);
        part
    };
    let alone = part_beside_film(true);
    assert!(alone.stats.video == 0 && alone.more && alone.film_left, "{alone:?}");
    let together = part_beside_film(false);
    assert!(together.stats.video > 0 && !together.film_left, "{together:?}");
}

#[test]
fn what_is_near_pointer_or_caret_goes_first() {
    let caret = Rect { x: 900, y: 1000, width: 2, height: 20 };
    let near = Rect { x: 700, y: 960, width: 400, height: 100 };
    let first = |look: bool| {
        let (mut page, mut pair) = sent(20_000);
        if look {
            pair.encoder.look_at(None, Some(caret));
        }
        page.text(page.size.rect(), 0);
        let part = pair.send_part(&page, &[page.size.rect()]);
        assert!(part.more);
        let shown = shows(&pair.decoder, &page, near);
        pair.send(&page, &[]);
        pair.rest(&page);
        shown
    };
    assert!(first(true) && !first(false));
}

#[test]
fn what_is_near_pointer_or_caret_is_refined_first() {
    let (mut page, mut pair) = sent(20_000);
    page.film(page.size.rect(), 3);
    pair.send(&page, &[page.size.rect()]);
    let place = Rect { x: 1500, y: 900, width: 1, height: 1 };
    pair.encoder.look_at(Some(place), None);
    pair.now.0 += 200_000;
    let part = pair.send_part(&page, &[]);
    assert!(part.stats.refined > 0 && !pair.encoder.is_exact());
    assert!(pair.encoder.is_pixel_exact(1500, 810) && !pair.encoder.is_pixel_exact(100, 10));
    pair.rest(&page);
}

#[test]
fn a_part_weighs_little_more_than_a_small_budget() {
    let (mut page, mut pair) = sent(8_000);
    page.text(page.size.rect(), 0);
    let (mut damage, mut parts) = (vec![page.size.rect()], 0);
    loop {
        let part = pair.send_part(&page, &damage);
        damage.clear();
        parts += 1;
        assert!(part.stats.bytes < 16_000, "{part:?}");
        if !part.more {
            break;
        }
    }
    assert!(parts > 5, "{parts}");
    pair.rest(&page);
}

#[test]
fn a_part_of_an_exact_photograph_weighs_little_more_than_a_small_budget() {
    let (mut page, mut pair) = (Page::new(640, 480), Pair::new(false));
    pair.send(&page, &[]);
    pair.budget = Budget { bytes: 12_000 };
    page.film(page.size.rect(), 1);
    let mut damage = vec![page.size.rect()];
    loop {
        let part = pair.send_part(&page, &damage);
        damage.clear();
        assert!(part.stats.bytes < 36_000, "{part:?}");
        if !part.more {
            break;
        }
    }
    pair.rest(&page);
}

/// Text that fades away and comes again, brightness by brightness.
fn fade(page: &mut Page, original: &Page, time: u32) {
    let level = time % 32 * 8;
    for (now, was) in page.pixels.iter_mut().zip(&original.pixels) {
        *now = (255 - (255 - u32::from(*was)) * (256 - level) / 256) as u8;
    }
}

/// The weights of a fade's pictures, and how many of its pixels went as video.
fn fading(budget: usize) -> (Vec<usize>, u64) {
    let (mut page, mut pair) = sent(budget);
    page.text(page.size.rect(), 0);
    let original = page.clone();
    pair.send(&page, &[page.size.rect()]);
    pair.rest(&page);
    let (mut weights, mut video) = (vec![], 0);
    for time in 1..24 {
        fade(&mut page, &original, time);
        pair.now.0 += 33_000;
        let stats = pair.send(&page, &[page.size.rect()]).stats;
        weights.push(stats.bytes);
        video += stats.video;
    }
    pair.rest(&page);
    (weights, video)
}

#[test]
fn a_fade_that_the_link_cannot_carry_exactly_becomes_video_and_ends_exact() {
    let (weights, video) = fading(8_000);
    assert!(video > 5 * 1920 * 1080, "{video}");
    let (early, late) = (weights[1], weights[22]);
    assert!(late * 3 < early, "{weights:?}");
}

#[test]
fn a_fade_on_a_near_link_stays_exact() {
    assert_eq!(fading(1 << 20).1, 0);
}

/// Text that waits while a spinner turns; the damage of its pictures is what `damage` makes of the spinner's place.
fn waiting(damage_of: impl Fn(&Page, Rect) -> Rect) {
    let (mut page, mut pair) = sent(3_000);
    let text = Rect { x: 0, y: 128, width: 1920, height: 952 };
    let spinner = Rect { x: 64, y: 16, width: 48, height: 48 };
    page.text(text, 0);
    let mut damage = text;
    for time in 0..40 {
        page.fill(spinner, |_, _| [(time * 40) as u8; 3]);
        let part = pair.send_part(&page, &[damage]);
        assert!(part.stats.video <= 64 * 64, "no more than the spinner: {part:?}");
        assert!(time > 10 || part.more, "the text has to wait");
        damage = damage_of(&page, spinner);
        pair.now.0 += 33_000;
    }
    pair.send(&page, &[]);
    assert!(shows(&pair.decoder, &page, text));
    pair.rest(&page);
}

#[test]
fn text_that_waits_for_the_link_does_not_become_video() {
    waiting(|_, spinner| spinner);
}

#[test]
fn text_that_waits_under_over_reported_damage_does_not_become_video() {
    waiting(|page, _| page.size.rect());
}

#[test]
fn text_typed_beside_a_film_that_fills_the_link_stays_exact() {
    let (mut page, mut pair) = sent(8_000);
    let film = Rect { x: 320, y: 192, width: 640, height: 384 };
    for time in 0..60 {
        page.film(film, time);
        let mut damage = vec![film];
        if time % 6 == 0 {
            let glyph = Rect { x: 1600 + time, y: 832, width: 5, height: 20 };
            page.fill(glyph, |x, y| [(x * y) as u8; 3]);
            damage.push(glyph);
        }
        pair.now.0 += 33_000;
        pair.send(&page, &damage);
        assert!(pair.encoder.is_pixel_exact(1600, 840), "at {time}");
    }
    pair.rest(&page);
}

#[test]
fn the_edge_of_a_film_goes_with_it() {
    let (mut page, mut pair) = sent(8_000);
    // Six lines of it lie in another row of blocks.
    let film = Rect { x: 320, y: 192, width: 640, height: 390 };
    let mut exact = 0;
    for time in 0..12 {
        page.film(film, time);
        pair.now.0 += 33_000;
        exact += pair.send(&page, &[film]).stats.exact;
    }
    assert_eq!(exact, 0);
    pair.rest(&page);
}

#[test]
fn a_title_right_under_a_film_stays_exact() {
    let (mut page, mut pair) = sent(8_000);
    let film = Rect { x: 320, y: 192, width: 640, height: 390 };
    let title = Rect { x: 320, y: 592, width: 640, height: 48 };
    page.text(title, 0);
    pair.send(&page, &[title]);
    for time in 0..12 {
        page.film(film, time);
        pair.now.0 += 33_000;
        assert!(pair.send(&page, &[film]).stats.video > 0);
        assert!(shows(&pair.decoder, &page, title), "at {time}");
    }
    pair.rest(&page);
}

#[test]
fn the_lowest_row_of_a_fade_becomes_video_too() {
    // The last row of blocks has two rows of units, and half of a page of pixels that fade.
    let (mut page, mut pair) = (Page::new(3840, 80), Pair::new(true));
    pair.budget = Budget { bytes: 2_000 };
    let low = Rect { x: 0, y: 64, width: 3840, height: 16 };
    page.text(page.size.rect(), 0);
    let original = page.clone();
    pair.send(&page, &[]);
    let mut video = 0;
    for time in 1..14 {
        fade(&mut page, &original, time);
        pair.now.0 += 33_000;
        pair.send(&page, &[page.size.rect()]);
        video += u32::from(!pair.encoder.is_pixel_exact(100, low.y + 8));
    }
    assert!(video > 4, "{video}");
    pair.rest(&page);
}

#[test]
fn nothing_is_refined_while_that_is_forbidden() {
    let (mut page, mut pair) = sent(20_000);
    page.film(Rect { x: 64, y: 64, width: 640, height: 384 }, 3);
    pair.send(&page, &[page.size.rect()]);
    pair.now.0 += 200_000;
    pair.encoder.set_refining(false);
    let dot = Rect { x: 1000, y: 900, width: 9, height: 9 };
    page.fill(dot, |_, _| [9; 3]);
    let stats = pair.send(&page, &[dot]).stats;
    assert_eq!((stats.exact, stats.refined), (dot.area(), 0));
    pair.encoder.set_refining(true);
    pair.rest(&page);
}

#[test]
fn a_photograph_that_waited_long_still_goes_as_video() {
    let (mut page, mut pair) = sent(40_000);
    let photo = Rect { x: 128, y: 64, width: 768, height: 448 };
    page.film(photo, 1);
    page.text(Rect { x: 0, y: 576, width: 1920, height: 500 }, 0);
    let part = pair.send_part(&page, &[page.size.rect()]);
    assert!(part.more && part.stats.video == 0);
    pair.now.0 += 400_000;
    assert!(pair.send(&page, &[]).stats.video >= photo.area());
    pair.rest(&page);
}

#[test]
fn text_where_a_film_once_played_is_text() {
    let (mut page, mut pair) = sent(1 << 20);
    let film = Rect { x: 320, y: 192, width: 640, height: 384 };
    for time in 0..8 {
        page.film(film, time);
        pair.now.0 += 33_000;
        pair.send(&page, &[film]);
    }
    pair.rest(&page);
    pair.now.0 += 10_000_000;
    pair.budget = Budget { bytes: 8_000 };
    // A line of it changes, and elsewhere more than the link carries.
    let (line, text) =
        (Rect { x: 384, y: 256, width: 128, height: 16 }, Rect { x: 0, y: 640, width: 1920, height: 400 });
    page.film(line, 99);
    page.text(text, 0);
    assert_eq!(pair.send(&page, &[line, text]).stats.video, 0);
    pair.rest(&page);
}

#[test]
fn a_film_does_not_wait_for_ever_for_text_without_end() {
    let (mut page, mut pair) = sent(3_000);
    let film = Rect { x: 1280, y: 64, width: 320, height: 192 };
    let mut videos = 0;
    for time in 0..48u32 {
        page.film(film, time);
        // Another block of text each time, so that none of them moves, and more than the link carries.
        let text = Rect { x: 0, y: 320 + time % 12 * 60, width: 1920, height: 60 };
        page.text(text, time * 7919);
        let part = pair.send_part(&page, &[film, text]);
        assert!(part.more, "text has to wait: {part:?}");
        videos += u32::from(part.stats.video > 0);
        pair.now.0 += 33_000;
    }
    assert!(videos > 4, "{videos}");
    pair.send(&page, &[]);
    pair.rest(&page);
}

#[test]
fn text_around_a_film_takes_nothing_of_the_film_along() {
    let (mut page, mut pair) = sent(1 << 20);
    let film = Rect { x: 128, y: 192, width: 640, height: 384 };
    let text = [Rect { x: 0, y: 128, width: 1920, height: 64 }, Rect { x: 768, y: 192, width: 1152, height: 384 }];
    for time in 0..6 {
        page.film(film, time);
        pair.now.0 += 33_000;
        pair.send(&page, &[film]);
    }
    page.film(film, 6);
    text.iter().for_each(|text| page.fill(*text, |x, _| [(x / 4 % 2 * 200) as u8; 3]));
    pair.now.0 += 33_000;
    let stats = pair.send(&page, &[film, text[0], text[1]]).stats;
    assert_eq!(stats.video, film.area());
    assert!(stats.exact <= text.iter().map(|text| text.area()).sum(), "{stats:?}");
    pair.rest(&page);
}
