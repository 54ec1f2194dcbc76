### What people read only in the web viewer, in English; Japanese is in ja.ftl. What both viewers say is in viewer/texts.

## Enrolment

WebEnrolTitle = Enrol this device
WebEnrolBody = First this browser is enrolled. Its key is made inside the browser and never leaves it.
WebEnrolName = A name for this device
WebEnrolHint = For example: Tax office, counter 3
WebEnrolDo = Ask for enrolment
WebEnrolBusy = Too many are waiting to be enrolled. Wait a little, then try again.
WebEnrolUnreachable = The host does not answer. Check the network, then try again.
WebEnrolOtherName = The name has a character that cannot be used. Write letters and digits.
WebEnrolRefused = The host did not accept this. Please tell your administrator.
WebWaitingTitle = Waiting for your administrator
WebWaitingBody = Tell your administrator this code.
WebWaitingCode = Code
WebWaitingNext = When you are approved, this page goes on by itself. You may close it meanwhile.
WebGoneTitle = This device is not enrolled
WebGoneBody = Your request was not approved, or nobody approved it within 24{"\u00A0"}hours.
WebGoneNext = If you still need this, talk to your administrator, then ask again.
WebAskAgain = Ask again

## Ends

WebConnect = Connect
WebExpiredTitle = This device's enrolment has expired
WebExpiredBody = The time for which it was enrolled is over.
WebExpiredNext = Ask your administrator to enrol this device again.
WebFaultTitle = The host's answer is not right
WebFaultBody = The host answered something that this page cannot use.
WebFaultNext = Load the page again. If it goes on, tell your administrator.
WebUnsupportedTitle = This browser cannot show it
WebUnsupportedBody = It lacks something that is needed: a secure connection, a store for keys, or OffscreenCanvas.
WebUnsupportedNext = Open an address that begins with https:// in a current Edge or Chrome.
WebNoticeExpiresSoon = This device's enrolment expires soon. Ask your administrator to renew it
WebNoVideo = This browser cannot play H.264, so films move less smoothly. Text and pictures are shown as they are

## The bar and the menu

WebBar = Controls
WebWindows = Windows
WebWindow = Window { $number }
WebCloseWindow = Close window { $number }
WebScreen = The screen of the browser in the internet segment. { $key } opens the menu
WebTyping = Typing into the internet segment
WebKeyboard = Keyboard
WebZoomPart = { $percent }%
WebClose = Close
WebLock = The page uses the mouse. To get it back, press Esc
