### What people read in the viewer, in English; Japanese is in ja.ftl. The ids are those of Text in texts.rs.

## The frame

Segment = インターネット画面 · Internet screen
WindowTitle = Internet screen — Shoji
FullscreenHint = Internet screen, full screen. To leave: { $keys }

## States

ConnectingTitle = Connecting
ConnectingBody = Calling the host { $host } in the internet segment.
ConnectingNext = This takes a moment.
PreparingTitle = Preparing your browser
PreparingBody = The host has answered. Your screen will appear shortly.
PreparingNext = This takes a moment.
ReconnectingTitle = The connection was lost. Reconnecting
ReconnectingBody = You see the picture from before. Keys typed meanwhile are not sent.
ReconnectingNext = Please wait (attempt { $attempt }). Check the network cable or Wi-Fi.
SilentTitle = The host does not answer
SilentBody = You see the picture from a moment ago. What you typed just before arrives once it answers; keys typed from now on are not sent.
SilentNext = If nothing comes within a few seconds, the connection is made again by itself. Please wait.
UnreachableTitle = The host cannot be reached
UnreachableBody = { $host } does not answer.
UnreachableNext = Check the network, then press Enter to try again. If it goes on, tell your administrator.
AddressTitle = The host's name cannot be found
AddressBody = The address of { $host }, named in the device file, could not be looked up.
AddressNext = Check the network and the device file, then press Enter to try again.
RefusedTitle = This PC is not admitted
RefusedBody = The host did not accept this PC's certificate.
RefusedNext = Ask your administrator to enrol this PC and give you a device file.
ExpiredTitle = This PC's certificate has expired
ExpiredBody = The device file was valid until { $day }.
ExpiredNext = Ask your administrator for a new device file. Check this PC's date, too.
RevokedTitle = This PC's admission was withdrawn
RevokedBody = Your administrator has stopped the use of this PC.
RevokedNext = If you did not expect this, tell your administrator.
ReplacedTitle = Opened on another PC
ReplacedBody = The same user connected from another PC, so the screen here was closed.
ReplacedNext = Press Enter to bring it back here.
EndedTitle = The session has ended
EndedBody = The browser was closed; its history and entries were erased.
EndedNext = Press Enter to begin anew, or close this window.
BrowserGoneTitle = The browser stopped
BrowserGoneBody = The browser stopped working, so the screen was closed. Nobody else is affected.
BrowserGoneNext = Press Enter to begin anew. If it goes on, tell your administrator.
StoppingTitle = The host has stopped
StoppingBody = { $host } has stopped, perhaps for maintenance.
StoppingNext = Press Enter to connect again after a while.
BusyTitle = The host is busy
BusyBody = The host takes no new connection at this moment: it is being restarted, or very many connect at once.
BusyNext = Wait a little, then press Enter to try again.
FullTitle = The host is full
FullBody = The host has as many sessions as it can hold.
FullNext = Wait a little, then press Enter to try again.
UnknownResumeTitle = The earlier session is gone
UnknownResumeBody = It ended on the host while you were disconnected.
UnknownResumeNext = Press Enter to begin anew.
VersionTitle = This viewer does not fit the host
VersionBody = The viewer and the host speak different versions of the protocol.
VersionNext = Ask your administrator to update the viewer on this PC.
ImpostorTitle = The host cannot be verified
ImpostorBody = { $host } could not prove to be the host of the device file. Nothing was sent.
ImpostorNext = Tell your administrator. If the host was replaced, a new device file is needed.
HostFaultTitle = The host sent something wrong
HostFaultBody = The connection was closed to be safe (code { $code }).
HostFaultNext = Press Enter to try again. If it goes on, tell your administrator.
ViewerFaultTitle = The viewer had a problem
ViewerFaultBody = The connection could not go on (code { $code }).
ViewerFaultNext = Press Enter to try again. If it goes on, tell your administrator.
LocalTitle = The network cannot be used
LocalBody = This PC could not begin to communicate.
LocalNext = Check the network settings and security software, then press Enter to try again.
NetworkTitle = The connection was lost
NetworkBody = The network broke off, or answers stopped coming.
NetworkNext = Check the network, then press Enter to try again.
BundleTitle = The device file cannot be read
BundleReadBody = The device file { $path } could not be opened.
BundlePrivateBody = Other users of this PC can read the device file. To protect its key it is not used.
BundlePrivateNext = Make it private: chmod 600 { $path }
BundleFormatBody = { $path } is no device file that this viewer can use.
BundleNext = Check the device file (.shoji) that your administrator gave you.

## Notices from the host

NoticeCrashed = The browser stopped and was opened again
NoticeKeepsCrashing = The browser keeps stopping. Please tell your administrator
NoticeDownload = Files cannot be downloaded here. Ask your administrator if you need one
NoticeUpload = Files cannot be chosen here. Ask your administrator if you need to send one
NoticePrint = Pages inside the frame cannot be printed. Ask your administrator if you need to
NoticeSite = This site cannot be opened here. Ask your administrator if you need it
NoticePermission = What the page asked for cannot be used here. Ask your administrator if you need it
NoticeWindows = No more windows can be opened. Please close some
NoticeEndsSoon = This session ends in a few minutes. Please save your work
NoticeExpiresSoon = This PC's certificate expires soon. Ask your administrator to renew it
MayLackInput = What you did just before the connection was lost may not have arrived. Please look whether it is there
NoFont = No Japanese font was found. Install the package fonts-noto-cjk (Debian) or a Japanese language pack (Windows)

## What does not cross

HintPaste = What was copied on this PC cannot be pasted here; what was copied inside the frame is
HintCopy = What was copied inside the frame cannot be pasted on this PC; it can inside the frame
HintFile = Files of this PC cannot be brought into the frame. Ask your administrator if you need one there
HintDrag = Nothing can be dragged out of the frame to this PC. Ask your administrator if you need it

## Scripts

ScriptPlace = line { $line }, column { $column }: { $what }
ScriptStep = `{ $word }` is no step; known are type, key, click, move, drag, scroll, wait, resize and screenshot
ScriptExpected = expected { $what }
ScriptKey = `{ $word }` is no key; write it like Enter, F5 or Ctrl+L
ScriptNumber = `{ $word }` is not { $what }
ScriptTooMuch = `{ $word }` is too much here; begin the next step on a new line or after `;`
ScriptOpenText = the text does not end: a quotation mark is missing
ScriptEscape = unknown escape in the text; known are \n, \t, \", \\ and \u{"{"}...{"}"}
ScriptTooLong = the script is longer than { $bytes } bytes; split it into several
ScriptNotSent = the input could not be sent, because there is no session; play the script again
WantsText = a text in quotation marks
WantsKey = a key, such as Enter or Ctrl+L
WantsMoreKey = a key after `+`
WantsPlace = a place in pixels, X and Y
WantsButton = a button
WantsNotches = a number of notches
WantsQuietOrChange = quiet or change
WantsMilliseconds = milliseconds (1 to 60000)
WantsWidth = a width in pixels
WantsHeight = a height in pixels
WantsScale = a scale from 1 to 3
WantsFile = a file name

## Waits without a display

WaitEnded = { $title }. { $body } { $next }
WaitNext = Run it again after a while; if it goes on, tell your administrator.
WaitTooLong = { $what } within { $seconds } s; allow more time with --timeout
WaitNoPicture = window { $canvas } has no picture yet; wait for one with `wait quiet`
AwaitedSession = no session began
AwaitedFirst = the first picture did not come
AwaitedPicture = the picture did not come
AwaitedQuiet = the picture did not come to rest
AwaitedChange = the picture did not change
AwaitedSize = no picture of the new size came
AwaitedEnd = the end did not come
AwaitedOther = { $name } did not happen

## The command line

CliNoFolder = this user has no configuration folder; name the device file with --bundle FILE
CliCannotRead = cannot read { $path } ({ $why }); check the file's name
CliCannotWrite = cannot write { $path } ({ $why }); check where it goes
CliMistake = the script has a mistake: { $what }
CliNotAtRest = the page did not come to rest within { $seconds } s; taking it as it is
CliNoDisplay = no window can be opened here ({ $why }); use --headless or --screenshot FILE.png
CliNoSurface = the window cannot show pixels ({ $why }); open the viewer again, and if it goes on, tell your administrator
CauseMissing = there is no such file or folder
CauseDenied = permission denied
CauseFull = no space is left
CauseFolder = it is a folder
CauseNoText = it is not UTF-8 text

## Details

DetailsTitle = Connection
DetailsRoundTrip = Round trip
DetailsFrames = Frames per second
DetailsBandwidth = Bandwidth
DetailsEcho = Input to picture p50 / p95
DetailsCarrier = Carrier
DetailsSize = Picture size
DetailsHost = Host
DetailsDevice = Device
DetailsNone = none yet
DetailsUdpClosed = { $carrier }; UDP port { $port } seems closed

## Menu

MenuTitle = Menu
MenuFullscreen = Full screen
MenuLeaveFullscreen = Leave full screen
MenuZoom = Zoom
MenuKeys = Send keys
MenuKeySuper = Windows key
MenuDetails = Connection details
MenuSound = Sound
MenuLater = later
MenuHelp = Help
MenuEnd = End session
MenuEndQuestion = End the session?
MenuEndNote = All open pages will be closed.
MenuEndYes = End it
MenuEndNo = Keep it
MenuFoot = Arrows: choose    Enter: do    Esc: back

## Help

HelpTitle = Inside this frame is a browser of the internet segment
HelpHere = This PC
HelpThere = Internet segment
HelpPixels = picture only
HelpInput = input only
HelpType = Type as usual; Japanese is written with this PC's own IME.
HelpCopy = Copy and paste work inside the frame, not between it and this PC.
HelpMenuKey = The { $key } key or the Menu button offers full screen, zoom and more.
HelpMenuButton = The Menu button offers full screen, zoom and more.
HelpEnd = To finish, close the window or choose End session in the menu.
HelpFoot = Press any key or click to close this card.
