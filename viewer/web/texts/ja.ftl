### Web ビューアーだけの言葉（日本語）。英語は en.ftl。二つのビューアーに共通の言葉は viewer/texts にあります。

## Enrolment

WebEnrolTitle = この端末を登録
WebEnrolBody = はじめに、このブラウザーを登録します。鍵はこのブラウザーの中で作られ、外に出ません。
WebEnrolName = この端末の名前
WebEnrolHint = 例：税務課 窓口 3
WebEnrolDo = 登録を申し込む
WebEnrolBusy = いまは申し込みが込み合っています。少し待ってから、もう一度お試しください。
WebEnrolUnreachable = ホストから応答がありません。ネットワークをお確かめのうえ、もう一度お試しください。
WebEnrolOtherName = 名前に使えない文字があります。かな、漢字、英数字でお書きください。
WebEnrolRefused = ホストが申し込みを受け付けませんでした。管理者に連絡してください。
WebWaitingTitle = 管理者の承認を待っています
WebWaitingBody = 次のコードを管理者に伝えてください。
WebWaitingCode = 承認コード
WebWaitingNext = 承認されると、この画面は自動で切り替わります。閉じてもかまいません。
WebGoneTitle = この端末は登録されていません
WebGoneBody = 申し込みが承認されなかったか、承認されないまま 24{"\u00A0"}時間が過ぎました。
WebGoneNext = 必要なときは、管理者に確かめてから、もう一度申し込んでください。
WebAskAgain = もう一度申し込む

## Ends

WebConnect = 接続する
WebExpiredTitle = この端末の登録の期限が切れています
WebExpiredBody = 登録されてから決められた期間が過ぎました。
WebExpiredNext = 管理者に端末の再登録を依頼してください。
WebFaultTitle = ホストの応答が正しくありません
WebFaultBody = ホストから、このページでは扱えない応答がありました。
WebFaultNext = ページを読み込み直してください。続くときは管理者に連絡してください。
WebUnsupportedTitle = このブラウザーでは表示できません
WebUnsupportedBody = 必要な機能（安全な接続、鍵の保管、OffscreenCanvas）がありません。
WebUnsupportedNext = Edge か Chrome の新しい版で、https:// から始まるアドレスを開いてください。
WebNoticeExpiresSoon = 端末の登録の期限が近づいています。管理者に更新を依頼してください
WebNoVideo = このブラウザーは H.264 を再生できないため、動画の動きは粗くなります。文字や画像はそのまま表示されます

## The bar and the menu

WebBar = 操作
WebWindows = ウィンドウ
WebWindow = ウィンドウ { $number }
WebCloseWindow = ウィンドウ { $number } を閉じる
WebScreen = インターネット側のブラウザーの画面。メニューは { $key }
WebTyping = インターネット側への文字入力
WebKeyboard = 文字キーボード
WebZoomPart = { $percent }%
WebClose = 閉じる
WebLock = マウスはページが使っています。戻すには Esc
