### 利用者が読むビューアーの言葉（日本語）。英語は en.ftl。識別子は texts.rs の Text と同じです。

## The frame

Segment = インターネット画面
WindowTitle = インターネット画面 — Shoji
FullscreenHint = インターネット画面（全画面表示）　戻るには { $keys }

## States

ConnectingTitle = 接続しています
ConnectingBody = インターネット側のホスト { $host } に接続しています。
ConnectingNext = しばらくお待ちください。
PreparingTitle = ブラウザーを準備しています
PreparingBody = ホストにつながりました。まもなく画面が表示されます。
PreparingNext = しばらくお待ちください。
ReconnectingTitle = 接続が切れました。つなぎ直しています
ReconnectingBody = 表示しているのは切れる前の画面です。この間に打った文字は送られません。
ReconnectingNext = そのままお待ちください（{ $attempt } 回目）。LAN ケーブルや Wi-Fi もお確かめください。
SilentTitle = ホストから応答がありません
SilentBody = 表示しているのは少し前の画面です。直前の入力はつながり次第届きますが、これから打つ文字は送られません。
SilentNext = 数秒のうちに応答がなければ、自動でつなぎ直します。そのままお待ちください。
UnreachableTitle = ホストにつながりません
UnreachableBody = { $host } から応答がありません。
UnreachableNext = ネットワークをお確かめください。Enter キーでもう一度接続します。続くときは管理者に連絡してください。
AddressTitle = ホストの名前が見つかりません
AddressBody = 端末ファイルにあるホスト { $host } のアドレスを調べられませんでした。
AddressNext = ネットワークと端末ファイルをお確かめください。Enter キーでもう一度接続します。
RefusedTitle = この端末はまだ許可されていません
RefusedBody = ホストがこの端末の証明書を受け付けませんでした。
RefusedNext = 管理者に端末の登録（端末ファイルの発行）を依頼してください。
ExpiredTitle = 端末の証明書の期限が切れています
ExpiredBody = この端末ファイルは { $day } まで有効でした。
ExpiredNext = 管理者に新しい端末ファイルの発行を依頼してください。PC の日付もお確かめください。
RevokedTitle = この端末の許可は取り消されました
RevokedBody = 管理者がこの端末の利用を止めました。
RevokedNext = 心当たりがないときは管理者に連絡してください。
ReplacedTitle = 別の端末で開かれました
ReplacedBody = 同じ利用者が別の端末で接続したので、こちらの画面を閉じました。
ReplacedNext = この端末に戻すときは Enter キーを押してください。
EndedTitle = 終了しました
EndedBody = ブラウザーは終了し、履歴や入力は消去されました。
EndedNext = Enter キーで新しく始めます。このウィンドウは閉じてもかまいません。
BrowserGoneTitle = ブラウザーが止まりました
BrowserGoneBody = ブラウザーが動かなくなったため、画面を閉じました。ほかの利用者に影響はありません。
BrowserGoneNext = Enter キーで新しく始めます。続くときは管理者に連絡してください。
StoppingTitle = ホストが停止しました
StoppingBody = 保守などのため、{ $host } が停止しました。
StoppingNext = しばらくしてから Enter キーで接続してください。
BusyTitle = ホストが混み合っています
BusyBody = ホストが新しい接続を受け付けていません。再起動の途中か、接続が集中しています。
BusyNext = 少し待ってから Enter キーで接続してください。
FullTitle = ただいま満員です
FullBody = ホストで開ける画面の数が上限に達しています。
FullNext = 少し待ってから Enter キーで接続してください。
UnknownResumeTitle = 前の画面は残っていませんでした
UnknownResumeBody = 切れている間に、ホストで画面が終了しました。
UnknownResumeNext = Enter キーで新しく始めます。
VersionTitle = ビューアーの版がホストと合いません
VersionBody = ビューアーとホストの話す約束の版が異なります。
VersionNext = 管理者に、この PC のビューアーの更新を依頼してください。
ImpostorTitle = ホストを確認できません
ImpostorBody = { $host } は、端末ファイルにあるホストであることを証明できませんでした。何も送っていません。
ImpostorNext = 管理者に連絡してください。ホストを入れ替えたときは新しい端末ファイルが必要です。
HostFaultTitle = ホストから正しくないデータが届きました
HostFaultBody = 安全のため接続を切りました（番号 { $code }）。
HostFaultNext = Enter キーでもう一度接続します。続くときは管理者に連絡してください。
ViewerFaultTitle = ビューアーに問題が起きました
ViewerFaultBody = 接続を続けられませんでした（番号 { $code }）。
ViewerFaultNext = Enter キーでもう一度接続します。続くときは管理者に連絡してください。
LocalTitle = ネットワークを使えません
LocalBody = この PC で通信を始められませんでした。
LocalNext = ネットワークの設定とセキュリティソフトをお確かめください。Enter キーでもう一度接続します。
NetworkTitle = 接続が切れました
NetworkBody = ネットワークが途中で切れたか、応答がなくなりました。
NetworkNext = ネットワークをお確かめください。Enter キーでもう一度接続します。
BundleTitle = 端末ファイルを読めません
BundleReadBody = 端末ファイル { $path } を開けませんでした。
BundlePrivateBody = 端末ファイルをこの PC のほかの利用者も読める状態です。鍵を守るため使いません。
BundlePrivateNext = ほかの人が読めないようにしてください：chmod 600 { $path }
BundleFormatBody = { $path } は、このビューアーで使える端末ファイルではありません。
BundleNext = 管理者から受け取った端末ファイル（.shoji）をお確かめください。

## Notices from the host

NoticeCrashed = ブラウザーが止まったので、開き直しました
NoticeKeepsCrashing = ブラウザーが続けて止まっています。管理者に連絡してください
NoticeDownload = ファイルのダウンロードはできません。必要なときは管理者に相談してください
NoticeUpload = ここではファイルを選べません。必要なときは管理者に相談してください
NoticePrint = 枠の中のページは印刷できません。必要なときは管理者に相談してください
NoticeSite = このサイトは開けません。必要なときは管理者に相談してください
NoticePermission = ページが求めた機能は使えません。必要なときは管理者に相談してください
NoticeWindows = これ以上ウィンドウを開けません。使わないものを閉じてください
NoticeEndsSoon = まもなくこの画面は終了します。作業を保存してください
NoticeExpiresSoon = 端末の証明書の期限が近づいています。管理者に更新を依頼してください
MayLackInput = 接続が切れる直前の操作や文字は、届いていないことがあります。画面でお確かめください
NoFont = 日本語の文字が見つかりません

## What does not cross

HintPaste = この PC でコピーしたものは貼り付けられません。枠の中でコピーしたものが貼り付きます
HintCopy = 枠の中でコピーしたものは、この PC では貼り付けられません。枠の中どうしなら使えます
HintFile = この PC のファイルは枠の中に入れられません。必要なときは管理者に相談してください
HintDrag = 枠の中のものを、この PC に取り出すことはできません。必要なときは管理者に相談してください

## Scripts

ScriptPlace = { $line } 行目 { $column } 文字目：{ $what }
ScriptStep = `{ $word }` という操作はありません。使えるのは type、key、click、move、drag、scroll、wait、resize、screenshot です
ScriptExpected = { $what }が必要です
ScriptKey = `{ $word }` というキーはありません。Enter、F5、Ctrl+L のように書いてください
ScriptNumber = `{ $word }` は使えません。{ $what }を書いてください
ScriptTooMuch = `{ $word }` は余分です。次の操作は改行か `;` のあとに書いてください
ScriptOpenText = 文字列が終わっていません。引用符 " で閉じてください
ScriptEscape = 文字列に使えない \ の書き方があります。使えるのは \n、\t、\"、\\、\u{"{"}...{"}"} です
ScriptTooLong = スクリプトが { $bytes } バイトを超えています。いくつかに分けてください
ScriptNotSent = セッションがないため入力を送れませんでした。スクリプトをもう一度実行してください
WantsText = 引用符で囲んだ文字列
WantsKey = キー（Enter や Ctrl+L など）
WantsMoreKey = `+` に続くキー
WantsPlace = 位置（ピクセル、X と Y）
WantsButton = ボタン
WantsNotches = ホイールの目盛りの数
WantsQuietOrChange = quiet か change のどちらか
WantsMilliseconds = ミリ秒（1～60000）
WantsWidth = 幅（ピクセル）
WantsHeight = 高さ（ピクセル）
WantsScale = 倍率（1～3）
WantsFile = ファイル名

## Waits without a display

WaitEnded = { $title }。{ $body }{ $next }
WaitNext = しばらくしてからもう一度実行してください。続くときは管理者に連絡してください。
WaitTooLong = { $seconds } 秒待ちましたが、{ $what }。もっと待つには --timeout を使ってください
WaitNoPicture = ウィンドウ { $canvas } にはまだ画面がありません。先に `wait quiet` で待ってください
AwaitedSession = セッションが始まりませんでした
AwaitedFirst = 最初の画面が届きませんでした
AwaitedPicture = 画面が届きませんでした
AwaitedQuiet = 画面の動きが止まりませんでした
AwaitedChange = 画面が変わりませんでした
AwaitedSize = 新しい大きさの画面が届きませんでした
AwaitedEnd = 終了しませんでした
AwaitedOther = 待っていたこと（{ $name }）が起きませんでした

## The command line

CliNoFolder = この利用者には設定フォルダーがありません。--bundle で端末ファイルを指定してください
CliCannotRead = { $path } を読めません（{ $why }）。ファイル名をお確かめください
CliCannotWrite = { $path } に書き込めません（{ $why }）。保存先をお確かめください
CliMistake = スクリプトに誤りがあります。{ $what }
CliNotAtRest = { $seconds } 秒待ちましたが、ページの動きが止まりません。今の画面を保存します
CliNoDisplay = ここではウィンドウを開けません（{ $why }）。--headless か --screenshot を使ってください
CliNoSurface = ウィンドウに画面を表示できません（{ $why }）。ビューアーを開き直し、続くときは管理者に連絡してください
CauseMissing = ファイルまたはフォルダーがありません
CauseDenied = 権限がありません
CauseFull = 空き容量がありません
CauseFolder = フォルダーです
CauseNoText = UTF-8 の文字ではありません

## Details

DetailsTitle = 接続の詳細
DetailsRoundTrip = 往復時間
DetailsFrames = 毎秒の画面数
DetailsBandwidth = 帯域
DetailsEcho = 入力から表示まで p50 / p95
DetailsCarrier = 経路
DetailsSize = 画面の大きさ
DetailsHost = ホスト
DetailsDevice = 端末
DetailsNone = まだありません
DetailsUdpClosed = { $carrier }。UDP ポート { $port } は閉じているようです

## Menu

MenuTitle = メニュー
MenuFullscreen = 全画面表示にする
MenuLeaveFullscreen = 全画面表示をやめる
MenuZoom = 表示の大きさ
MenuKeys = キーを送る
MenuKeySuper = Windows キー
MenuDetails = 接続の詳細
MenuSound = 音声
MenuLater = 準備中
MenuHelp = ヘルプ
MenuEnd = セッションを終了
MenuEndQuestion = セッションを終了しますか
MenuEndNote = 開いているページはすべて閉じます。
MenuEndYes = 終了する
MenuEndNo = 終了しない
MenuFoot = ↑↓ 選ぶ　Enter 決定　Esc 戻る

## Help

HelpTitle = この枠の中は、インターネット側のブラウザーです
HelpHere = この PC
HelpThere = インターネット側
HelpPixels = 画面だけ
HelpInput = 操作だけ
HelpType = 日本語は、この PC の IME でいつもどおり入力できます。
HelpCopy = コピーと貼り付けは枠の中だけで使えます。この PC とのあいだではできません。
HelpMenuKey = { $key } キーか「メニュー」で、全画面表示や表示の大きさなどを選べます。
HelpMenuButton = 「メニュー」で、全画面表示や表示の大きさなどを選べます。
HelpEnd = 終わるときはウィンドウを閉じるか、メニューの「セッションを終了」を選びます。
HelpFoot = キーを押すかクリックすると、この説明を閉じます。
