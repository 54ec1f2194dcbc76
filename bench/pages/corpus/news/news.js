// The articles, and what builds the list and an article from them. Every picture is painted anew by each page, as if it
// came cold: first the words stand, then the pictures arrive from top to bottom.
"use strict";
const ARTICLES = [
  { title: "秋の水辺を歩く催しに四百人　新しい木道が完成", date: "11月21日 10時30分", kind: "river", season: "autumn", seed: 4101,
    pair: [["valley", "autumn", 4102, "木道の先に広がる休耕田。春には菜の花が咲く。"], ["market", "", 4103, "出発点の広場に並んだ地元の果物。"]],
    caption: "色づいた山を映す池。木道はこの岸に沿って延びる。",
    text: ["みずほ野市の水の森公園で二十一日、新しい木道の完成を祝う催しが開かれ、家族連れなど約四百人が岸辺の景色を楽しんだ。木道は長さ一・二キロで、車いすでも通れるように坂を緩くし、途中に三か所の休み所を設けた。",
      "工事では、間伐で出た市内の杉を使い、歩くと足の裏に柔らかさが伝わる造りにした。公園の係は「雨の後も滑りにくい。朝の霧の時間がいちばん美しい」と話す。",
      "木道の脇には、野鳥の声を聞くための小さな屋根付きのベンチがあり、月に一度、観察会を開く予定だ。参加は無料で、双眼鏡の貸し出しもある。"] },
  { title: "本庁舎の外壁を五十年ぶりに修理　来春まで足場なしで作業", date: "11月21日 9時00分", kind: "hall", season: "summer", seed: 4201,
    pair: [["hall", "autumn", 4202, "同じ時期に直す北支所。こちらは四階建て。"], ["valley", "summer", 4203, "屋上から見た西側の田畑。"]],
    caption: "修理が始まった本庁舎。タイルの浮きを音で調べる。",
    text: ["建てられてから五十年がたつ本庁舎で、外壁の修理が始まった。小さな槌でタイルをたたき、返ってくる音の違いから浮いた所を探す昔ながらの方法に、赤外線の写真を組み合わせる。",
      "上からつるした籠を使うため、足場は組まない。窓口はふだんどおり開き、音の大きい作業は土曜と日曜に行う。",
      "修理の費用は三年に分けて払う。市は「直しながら使うほうが、建て替えより環境への負担も少ない」と説明している。"] },
  { title: "朝市に冬の味　根菜と柿が並ぶ", date: "11月20日 16時45分", kind: "market", season: "", seed: 4301,
    pair: [["valley", "winter", 4302, "初雪の降りた畑。雪の下で大根が甘くなる。"], ["night", "", 4303, "夕方からは提灯の下で夜の市も開かれる。"]],
    caption: "箱いっぱいの柿、りんご、かぶ。開始から一時間で半分が売れた。",
    text: ["駅前広場の朝市に、冬の味覚が出そろった。かぶは霜に当たって甘みが増し、柿は例年より一回り大きいという。農家の人たちは夜明け前から荷を下ろし、七時の鐘とともに店を開けた。",
      "常連の一人は「皮ごと焼くと香りがよい」とかぶを三つ選んだ。売り場では、葉の使い道を書いた紙も配られた。",
      "朝市は十二月二十七日まで毎週金曜と日曜に開かれる。最終日には餅つきと、甘酒のふるまいがある。"] },
  { title: "宵の通りに提灯の列　商店街の灯り祭り始まる", date: "11月20日 19時10分", kind: "night", season: "", seed: 4401,
    pair: [["river", "evening", 4402, "日が沈むころの川面。ここから灯りの列が始まる。"], ["hall", "winter", 4403, "会場に近い市民会館。夜九時まで開く。"]],
    caption: "雨上がりの石畳に灯りが映る。提灯は全部で三百二十。",
    text: ["中央商店街で灯り祭りが始まり、三百二十の提灯が宵の通りを照らした。紙には子どもたちの描いた魚や鳥の絵があり、風に揺れると影も泳ぐように動く。",
      "今年から電球を替え、使う電気は前の年の五分の一になった。色は昔の蝋燭に合わせ、少し赤みを帯びている。",
      "祭りは月末まで続く。土曜の夜は通りに椅子が並び、琴と笛の演奏が聞ける。"] },
  { title: "初雪の朝、除雪の車が動き出す", date: "11月19日 8時20分", kind: "valley", season: "winter", seed: 4501,
    pair: [["hall", "winter", 4502, "除雪の基地となる土木事務所。"], ["river", "winter", 4503, "薄く凍り始めた農業用の池。"]],
    caption: "一面の雪に覆われた北部の田。積もったのは十二センチ。",
    text: ["北部の山沿いで初雪が積もり、十九日の朝は除雪の車がこの冬はじめて動いた。最も多い所で十二センチ。通学の道は六時半までに片付いた。",
      "市は今年、車の位置を地図で見られるようにした。作業を終えた道は青、これからの道は黄で示す。",
      "道の脇に物を置くと除雪の妨げになる。植木鉢や自転車は家の中へ入れるよう呼びかけている。"] },
  { title: "夕焼けの堤防で避難の訓練　灯りを頼りに歩く", date: "11月18日 17時50分", kind: "river", season: "evening", seed: 4601,
    pair: [["night", "", 4602, "訓練のあと、広場で炊き出しの汁がふるまわれた。"], ["valley", "evening", 4603, "集合場所の丘から見た夕方の町。"]],
    caption: "日没の川。訓練は暗くなる時刻に合わせて始まった。",
    text: ["日が暮れてから大雨が強まったときを考えた避難の訓練が、東川の堤防で行われた。参加した百二十人は、足元の小さな灯りだけを頼りに高台の学校まで歩いた。",
      "昼と違い、溝の縁や段差が見えにくい。先頭の人が声で知らせ、後ろへ順に伝える方法を試した。",
      "終わったあとの話し合いでは、杖を使う人の速さに合わせること、鍵の場所を三人が知っておくことが決まった。"] },
];

const SIDE = `<aside><h2>よく読まれている記事</h2><ol><li>ごみの収集日、年末年始の予定</li><li>図書館に新しい学習室</li><li>バスの時刻が一部変わります</li><li>予防接種の会場と時間</li><li>市民農園の申し込み始まる</li><li>文化財の蔵を特別に公開</li></ol>
<h2>お知らせ</h2><ol><li>相談窓口を土曜も開きます</li><li>道路工事による通行止め</li><li>成人の集いのご案内</li><li>水道の凍結にご注意を</li></ol>
<h2>天気</h2><p>きょう　晴れ のち 曇り　最高 12度<br>あす　　雪 または 雨　最高 5度</p></aside>`;
const HEAD = `<header><b>みずほ野だより</b><span>市民のための電子新聞</span><span>十一月二十一日（土）</span></header>
<nav><a class="now">新着</a><a>くらし</a><a>防災</a><a>文化と催し</a><a>農と食</a><a>写真で見る</a></nav>`;

const image = (width, height) => `<img width="${width}" height="${height}" alt="">`;
const breath = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

async function showList() {
  const items = ARTICLES.map((one, n) => `<a href="article-${n + 1}.html">${image(168, 112)}<div><h2>${one.title}</h2><p>${one.text[0].slice(0, 74)}…</p><small>${one.date}</small></div></a>`);
  document.body.innerHTML = `${HEAD}<main><section class="list">${items.join("")}</section>${SIDE}</main>`;
  await breath();
  for (const [n, at] of [...document.querySelectorAll(".list img")].entries()) {
    await showPhotograph(at, ARTICLES[n].kind, ARTICLES[n].seed, ARTICLES[n].season || undefined);
  }
}

async function showArticle(number) {
  const one = ARTICLES[number - 1];
  document.title = `${one.title}｜みずほ野だより`;
  const [first, ...rest] = one.text.map((text) => `<p>${text}</p>`);
  const pair = one.pair.map(([, , , caption]) => `<figure>${image(440, 250)}<figcaption>${caption}</figcaption></figure>`);
  document.body.innerHTML = `${HEAD}<main><article><a class="back" href="index.html">一覧へ戻る</a><h1>${one.title}</h1><p class="date">${one.date}　写真と文　広報係</p>
<figure>${image(800, 400)}<figcaption>${one.caption}</figcaption></figure>${first}<div class="pair">${pair.join("")}</div>${rest.join("")}</article>${SIDE}</main>`;
  await breath();
  const pictures = [[one.kind, one.season, one.seed], ...one.pair];
  for (const [n, at] of [...document.querySelectorAll("figure img")].entries()) {
    const [kind, season, seed] = pictures[n];
    await showPhotograph(at, kind, seed, season || undefined);
  }
}
