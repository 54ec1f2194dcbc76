// A document of seven sheets, as a PDF viewer shows it: paged with the keys, enlarged with the buttons above.
"use strict";
const at = (id) => document.getElementById(id);
const random = generator(0x9a9e);

// A seal: letters in columns from the right, in a frame, with the gaps that a real impression has.
function seal(left, top, size, columns, round) {
  const step = 96 / columns.length;
  const letters = columns.flatMap((column, c) => [...column].map((letter, r) => `<text x="${112 - (c + 0.5) * step}" y="${16 + (r + 0.78) * (92 / column.length)}" style="font-size:${Math.min(step, 92 / column.length) * 0.95}px">${letter}</text>`));
  const frame = round ? '<circle cx="64" cy="64" r="58"/>' : '<rect x="8" y="8" width="112" height="112" rx="3"/>';
  const gaps = Array.from({ length: 70 }, () => `<circle cx="${random() * 128}" cy="${random() * 128}" r="${random() * 1.3}" style="fill:#fff;stroke:none"/>`);
  return `<svg class="seal" style="left:${left}px;top:${top}px" width="${size}" height="${size}" viewBox="0 0 128 128">${frame}${letters.join("")}${gaps.join("")}</svg>`;
}

const money = (value) => Math.round(value).toLocaleString("ja-JP");
function budget() {
  const names = ["議会費", "総務費", "民生費", "衛生費", "労働費", "農林水産業費", "商工費", "土木費", "消防費", "教育費", "災害復旧費", "公債費", "予備費"];
  let sum = [0, 0];
  const rows = names.map((name, n) => {
    const before = (3 + random() * 90) * 1000 * (n === 2 ? 4 : 1);
    const now = before * (0.9 + random() * 0.25);
    sum = [sum[0] + now, sum[1] + before];
    return `<tr><td>${n + 1}</td><td>${name}</td><td class="n">${money(now)}</td><td class="n">${money(before)}</td><td class="n">${now < before ? "△" : ""}${money(Math.abs(now - before))}</td><td>${["", "", "人件費の減", "施設の修理", "国の補助", ""][n % 6]}</td></tr>`;
  });
  return `<table><tr><th>款</th><th>名称</th><th>本年度（千円）</th><th>前年度（千円）</th><th>比較</th><th>備考</th></tr>${rows.join("")}<tr class="double"><td></td><td>合計</td><td class="n">${money(sum[0])}</td><td class="n">${money(sum[1])}</td><td class="n">${money(sum[0] - sum[1])}</td><td></td></tr></table>`;
}

function plan() {
  const lines = [];
  for (let n = 0; n <= 12; n += 1) lines.push(`<path d="M${20 + n * 48} 20V280"/>`);
  for (let n = 0; n <= 5; n += 1) lines.push(`<path d="M20 ${20 + n * 52}H596"/>`);
  for (let n = 0; n < 26; n += 1) {
    const [x, y] = [20 + Math.floor(random() * 12) * 48, 20 + Math.floor(random() * 5) * 52];
    lines.push(`<path d="M${x + 6} ${y + 6}h36v40h-36z M${x + 6} ${y + 6}l36 40"/><text x="${x + 12}" y="${y + 32}">${["倉庫", "書庫", "窓口", "相談", "会議"][n % 5]}</text>`);
  }
  lines.push('<path class="red" d="M44 46H236V202H428V150H572"/><circle class="red" cx="572" cy="150" r="9"/>');
  return `<svg class="plan" viewBox="0 0 616 300">${lines.join("")}</svg>`;
}

const ARTICLES = [
  "この条例は、市民と市が力を合わせて水辺の環境を守り、次の世代へ引き継ぐため、水辺の利用と手入れについて必要なことを定めるものとする。",
  "この条例において「水辺」とは、市内にある川、ため池、用水路及びこれらの岸から十メートルの範囲をいう。",
  "市は、水辺の様子を毎年一回以上調べ、その結果を分かりやすい形で公表しなければならない。",
  "市民は、水辺を使うときは、生き物と植物を大切にし、火の始末とごみの持ち帰りに努めるものとする。",
  "水辺に工作物を置こうとする者は、あらかじめ市長の許可を受けなければならない。ただし、次の各号に掲げるものは、この限りでない。",
  "市長は、前条の許可をする場合において、水の流れを妨げるおそれがあるときは、必要な条件を付けることができる。",
  "市長は、この条例の規定に違反した者に対し、期限を定めて元の状態に戻すことを命ずることができる。",
  "水辺の手入れに功績のあった個人又は団体に対し、市長は、これを表彰することができる。",
];
const NUMBERS = "一二三四五六七八九十";
const law = (from, to) => ARTICLES.slice(from, to).map((text, n) => `<p>第${NUMBERS[from + n]}条　${text}</p>`).join("");

const SHEETS = [
`<div class="right">議案第四十二号<br>令和八年十一月二十六日提出</div><h1 style="margin-top:60px">水辺の環境を守る条例の制定について</h1><p>水辺の環境を守る条例を別紙のとおり定めるものとする。</p><div class="right" style="margin:50px 60px 40px 0">みずほ野市長</div>${seal(606, 306, 92, ["市長印", "みずほ"], false)}<h2>提案の理由</h2><p>市内のため池と用水路は、農業のためだけでなく、子どもたちの学びの場、災害のときの水の蓄えとしても大切な役割を持っている。近年は手入れをする人が減り、岸の崩れや外来の植物の広がりが目立つようになった。</p><p>このため、市民と市の役割、工作物を置くときの手続き、違反があったときの扱いを定め、水辺の環境を将来にわたって守ろうとするものである。</p><h2>参考となる事項</h2><table><tr><th>区分</th><th>数</th><th>延長又は面積</th><th>管理する者</th></tr><tr><td>一級の川</td><td class="n">1</td><td class="n">12.4 キロメートル</td><td>県</td></tr><tr><td>準用する川</td><td class="n">7</td><td class="n">31.8 キロメートル</td><td>市</td></tr><tr><td>ため池</td><td class="n">43</td><td class="n">96.2 ヘクタール</td><td>水利組合</td></tr><tr><td>用水路</td><td class="n">118</td><td class="n">204.5 キロメートル</td><td>土地改良区</td></tr></table><p>審議会の答申は令和八年九月に得ている。意見の募集では二十七件が寄せられ、うち九件を案に取り入れた。</p>`,
["tall", `<h1>水辺の環境を守る条例（案）</h1><p>目次</p><p class="item">　第一章　総則（第一条―第四条）</p><p class="item">　第二章　工作物の許可（第五条―第七条）</p><p class="item">　第三章　雑則（第八条―第十条）</p><p>　　　第一章　総則</p>${law(0, 4)}<p>　　　第二章　工作物の許可</p>${law(4, 5)}<p class="item">　一　農業のために一時的に置く<ruby>堰<rt>せき</rt></ruby>板及び<ruby>樋<rt>ひ</rt></ruby>管</p><p class="item">　二　市又は消防団が防災のために置くもの</p><p class="item">　三　前二号のほか、規則で定める小さなもの</p><p>２　前項の許可を受けようとする者は、位置、大きさ、材料及び置く期間を書いた図面を添えて、市長に申請しなければならない。</p>`],
["tall", `${law(5, 8)}<p>　　　第三章　雑則</p><p>第九条　この条例の施行に関し必要な事項は、規則で定める。</p><p>第十条　第七条の命令に従わない者は、五万円以下の過料に処する。</p><p>第十一条　市は、水辺の手入れに使う道具を備え、求めに応じて貸し出すものとする。貸し出しの期間は、二週間を超えないものとする。</p><p>　　　附　則</p><p class="item">１　この条例は、令和九年四月一日から施行する。ただし、第五条の規定は、同年十月一日から施行する。</p><p class="item">２　この条例の施行の際、現に水辺に置かれている工作物については、第五条の許可を受けたものとみなす。</p><p class="item">３　市長は、施行の日から五年を過ぎたとき、この条例の働きを<ruby>検<rt>けん</rt>討<rt>とう</rt></ruby>し、必要な手当てをするものとする。</p><p class="item">４　この条例による許可の手数料は、手数料条例の別表に定めるところによる。ただし、学校及び水利組合については、これを免除する。</p>${seal(120, 900, 84, ["みずほ野", "市議会印"], true)}`],
`<h1>令和九年度 一般会計予算の見込み</h1><p>歳出の部（款別）。金額は千円の位で丸めている。△は減を表す。</p>${budget()}<p>備考のない款は、前の年度とおおむね同じ仕事を続けることによる。施設の修理には、橋の塗り替えと保育所の屋根の直しを含む。</p>${budget()}`,
`<h1>別図　水辺の区域と庁舎の配置</h1>${plan()}<p>赤い線は避難の経路、丸は集合の場所を示す。部屋の広さは壁の中心の線で測った。</p>${plan()}<p>縮尺は五百分の一。方位は図の上を北とする。</p>`,
["tall", `<h1>委員会の報告</h1>${"<p>　当委員会に付託された議案について、十一月二十日に審査を行い、次のとおり決した。審査の中では、ため池を持つ水利組合の負担、許可の手続きにかかる日数、過料の額の考え方について質問があった。</p><p>　これに対し、組合には手入れの費用の三分の一を補助すること、許可はおおむね十四日のうちに行うこと、過料は近くの市の例にならったことが説明された。</p>".repeat(2)}<p>　採決の結果、全員一致で原案のとおり可決すべきものと決した。</p><p>　右のとおり報告する。</p><p style="margin-top:8em">環境建設委員会 委員長</p>${seal(96, 930, 76, ["委員", "会長"], true)}`],
`<h1>資料　意見の募集の結果</h1><table><tr><th>番号</th><th>意見の要旨</th><th>市の考え方</th><th>反映</th></tr>${Array.from({ length: 16 }, (_, n) => `<tr><td class="n">${n + 1}</td><td>${["魚つりの場所を分けてほしい。", "岸の草刈りを年に三回にできないか。", "許可の様式を電子でも出せるように。", "用水路のふたを増やしてほしい。"][n % 4]}</td><td>${["規則の中で場所を示します。", "地区と相談して回数を決めます。", "電子申請の対象に加えます。", "通学の道から順に進めます。"][n % 4]}</td><td>${["有", "無", "有", "－"][n % 4]}</td></tr>`).join("")}</table><p>寄せられた意見の全文は、市役所一階の情報公開の窓口と、各支所で読むことができる。</p>`,
];

at("pages").innerHTML = SHEETS.map((sheet, n) => {
  const [kind, content] = Array.isArray(sheet) ? sheet : ["", sheet];
  return `<div class="page ${kind}">${content}<footer>－ ${n + 1} －</footer></div>`;
}).join("");

const ZOOMS = [0.9, 1.1, 1.35, 1.6];
let zoom = 1;
function enlarge(by) {
  const place = (at("scroll").scrollTop + at("scroll").clientHeight / 2) / at("scroll").scrollHeight;
  zoom = clamp(zoom + by, 0, ZOOMS.length - 1);
  at("pages").style.zoom = ZOOMS[zoom];
  at("zoom").textContent = `${Math.round(ZOOMS[zoom] * 100)}%`;
  at("scroll").scrollTop = place * at("scroll").scrollHeight - at("scroll").clientHeight / 2;
  at("scroll").focus();
}
at("more").addEventListener("click", () => enlarge(1));
at("less").addEventListener("click", () => enlarge(-1));
at("scroll").addEventListener("scroll", () => {
  const middle = at("scroll").scrollTop + at("scroll").clientHeight / 2;
  at("where").textContent = `${clamp(Math.floor((middle / at("scroll").scrollHeight) * SHEETS.length) + 1, 1, SHEETS.length)} / ${SHEETS.length}`;
});
enlarge(0);
at("scroll").scrollTop = 0;
