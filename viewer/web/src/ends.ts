// Why there is no session, and what the person reads of it: the cases of `viewer/src/link/error.rs`.

import type { End } from './messages';

/** The numbers of `CloseCode` that decide something here. A test compares them with the protocol's. */
export const CloseCode = {
  normal: 0,
  sessionEnded: 1,
  replaced: 2,
  browserGone: 3,
  workerDied: 4,
  hostStopping: 5,
  revoked: 6,
  endedByAdministrator: 7,
  versionMismatch: 25,
  hostMalformed: 30,
  hostTooFast: 33,
  hostVersionMismatch: 35,
  hostFailed: 39,
  viewerStalled: 40,
  keepAliveLost: 41,
  noCapacity: 42,
  unknownResume: 43,
  certificateExpired: 44,
  deviceUnknown: 45,
  browserNotStarted: 46,
} as const;

export const endOf = (code: number): End => ({ kind: 'closed', code });

/** Whether trying again by itself may help, with nobody having to do anything. */
export function passes(end: End): boolean {
  const { keepAliveLost, hostStopping, viewerStalled } = CloseCode;
  if (end.kind === 'closed') return [keepAliveLost, hostStopping, viewerStalled].some((code) => code === end.code);
  return end.kind === 'lost' || end.kind === 'unreachable' || end.kind === 'busy';
}

/** Whether the session may still be there to be taken up again. */
export function leavesSession(end: End): boolean {
  return passes(end) || (end.kind === 'closed' && (end.code === CloseCode.replaced || (end.code >= 30 && end.code < 40)));
}

/** Whether this device is no longer, or not yet, one that may connect. */
export function endsEnrolment(end: End): boolean {
  return end.kind === 'refused' || end.kind === 'expired' || (end.kind === 'closed' && end.code === CloseCode.certificateExpired);
}

/** The ids of its title, its sentence and the next step, without their endings. */
export function textsOf(end: End): [title: string, body: string, next: string] {
  const of = (stem: string): [string, string, string] => [`${stem}Title`, `${stem}Body`, `${stem}Next`];
  switch (end.kind) {
    case 'unreachable':
      return of('Unreachable');
    case 'version':
      return of('Version');
    case 'refused':
      return of('Refused');
    case 'revoked':
      return of('Revoked');
    case 'expired':
      return of('WebExpired');
    case 'lost':
      return of('Network');
    case 'busy':
      return of('Full');
    case 'fault':
      return of('WebFault');
    case 'unsupported':
      return of('WebUnsupported');
    case 'closed':
      switch (end.code) {
        case CloseCode.normal:
        case CloseCode.sessionEnded:
        case CloseCode.endedByAdministrator:
          return of('Ended');
        case CloseCode.replaced:
          return of('Replaced');
        case CloseCode.browserGone:
        case CloseCode.workerDied:
        case CloseCode.browserNotStarted:
          return of('BrowserGone');
        case CloseCode.hostStopping:
          return of('Stopping');
        case CloseCode.revoked:
          return of('Revoked');
        case CloseCode.deviceUnknown:
          return of('Refused');
        case CloseCode.certificateExpired:
          return of('WebExpired');
        case CloseCode.noCapacity:
          return of('Full');
        case CloseCode.unknownResume:
          return of('UnknownResume');
        case CloseCode.versionMismatch:
        case CloseCode.hostVersionMismatch:
          return of('Version');
        case CloseCode.keepAliveLost:
          return of('Network');
        default:
          return of(end.code >= 30 && end.code < 40 ? 'HostFault' : 'ViewerFault');
      }
  }
}

/** The ids of the host's notices, by their numbers. */
export const NOTICES = [
  'NoticeCrashed',
  'NoticeKeepsCrashing',
  'NoticeDownload',
  'NoticeUpload',
  'NoticePrint',
  'NoticeSite',
  'NoticePermission',
  'NoticeWindows',
  'NoticeEndsSoon',
  // A page has no certificate but an enrolment.
  'WebNoticeExpiresSoon',
] as const;
