// H.264 by the browser: access units in, planes out. What they become on a canvas is the core's, as everywhere.

/** A picture's planes without gaps. */
export interface Planes {
  layout: 'I420' | 'NV12';
  bytes: Uint8Array<ArrayBuffer>;
}

/** A browser that does not give a picture within this time never will. */
const PICTURE_WITHIN = 3_000;

/** The name of a stream that any decoder of Constrained Baseline knows, up to 4K. */
const PROBE = 'avc1.42c033';

/** Whether this browser decodes our streams. */
export async function canDecode(): Promise<boolean> {
  if (typeof VideoDecoder === 'undefined') return false;
  try {
    const { supported } = await VideoDecoder.isConfigSupported({ codec: PROBE, optimizeForLatency: true });
    return supported === true;
  } catch {
    return false;
  }
}

/** The codec's name by the sequence parameter set of a key picture; `null`: it has none. */
export function codecOf(unit: Uint8Array): string | null {
  for (let at = 0; at + 6 < unit.length; at += 1) {
    const isStart = unit[at] === 0 && unit[at + 1] === 0 && unit[at + 2] === 1;
    if (isStart && ((unit[at + 3] ?? 0) & 0x1f) === 7) {
      return 'avc1.' + [4, 5, 6].map((by) => (unit[at + by] ?? 0).toString(16).padStart(2, '0')).join('');
    }
  }
  return null;
}

/** One stream. */
class Stream {
  private wanted: { resolve: (frame: VideoFrame) => void; reject: (error: unknown) => void } | null = null;
  private time = 0;
  private readonly decoder = new VideoDecoder({
    output: (frame) => {
      if (this.wanted === null) frame.close();
      else this.wanted.resolve(frame);
      this.wanted = null;
    },
    error: (error) => {
      this.wanted?.reject(error);
      this.wanted = null;
    },
  });

  async decode(unit: Uint8Array<ArrayBuffer>, key: boolean, width: number, height: number): Promise<Planes> {
    if (key) {
      const codec = codecOf(unit);
      if (codec === null) throw new TypeError('a key picture without parameters');
      this.decoder.configure({ codec, codedWidth: width, codedHeight: height, optimizeForLatency: true });
    }
    const frame = await new Promise<VideoFrame>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no picture came')), PICTURE_WITHIN);
      this.wanted = {
        resolve: (picture) => (clearTimeout(timer), resolve(picture)),
        reject: (error) => (clearTimeout(timer), reject(error as Error)),
      };
      // A time of its own for each picture: the numbers mean nothing else.
      this.decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: (this.time += 1000), data: unit }));
    });
    try {
      return await planes(frame, width, height);
    } finally {
      frame.close();
    }
  }

  close(): void {
    // A decoder that is closed says nothing more.
    this.wanted?.reject(new Error('the stream is over'));
    this.wanted = null;
    if (this.decoder.state !== 'closed') this.decoder.close();
  }
}

async function planes(frame: VideoFrame, width: number, height: number): Promise<Planes> {
  const { format, visibleRect } = frame;
  if ((format !== 'I420' && format !== 'NV12') || visibleRect?.width !== width || visibleRect.height !== height) {
    throw new TypeError(`a picture as ${format}, ${visibleRect?.width}x${visibleRect?.height}`);
  }
  const area = width * height;
  const bytes = new Uint8Array((area * 3) / 2);
  const chroma =
    format === 'NV12'
      ? [{ offset: area, stride: width }]
      : [
          { offset: area, stride: width / 2 },
          { offset: (area * 5) / 4, stride: width / 2 },
        ];
  await frame.copyTo(bytes, { layout: [{ offset: 0, stride: width }, ...chroma] });
  return { layout: format, bytes };
}

/** The streams of all canvases. */
export class Video {
  private readonly streams = new Map<string, Stream>();

  decode(canvas: number, stream: number, begins: boolean, unit: Uint8Array<ArrayBuffer>, key: boolean, width: number, height: number): Promise<Planes> {
    const name = `${canvas} ${stream}`;
    if (begins) {
      this.streams.get(name)?.close();
      this.streams.set(name, new Stream());
    }
    const at = this.streams.get(name);
    return at === undefined ? Promise.reject(new Error('no such stream')) : at.decode(unit, key, width, height);
  }

  /** The streams of a canvas are over, or those of all. */
  forget(canvas: number | null): void {
    for (const [name, stream] of this.streams) {
      if (canvas === null || name.startsWith(`${canvas} `)) {
        stream.close();
        this.streams.delete(name);
      }
    }
  }
}
