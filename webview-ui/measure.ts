// What a benchmark wants to know of a page: when something it names stood on the screen. Nothing happens unless the
// benchmark has put an array at `slipwayPainted` before the page began.

export interface Painted {
  name: string;
  /** Milliseconds since 1970: the frame had been handed to the screen. */
  at: number;
  detail?: unknown;
}

declare global {
  var slipwayPainted: Painted[] | undefined;
}

/**
 * Notes the moment after the next frame. A message posted from an animation frame is handled after the frame was
 * painted, since rendering follows the animation callbacks without a pause (HTML Standard, "update the rendering").
 */
export function notePainted(name: string, detail?: () => unknown): void {
  const notes = globalThis.slipwayPainted;
  if (!notes) return;
  const told = detail?.();
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      notes.push({ name, at: performance.timeOrigin + performance.now(), detail: told });
    };
    channel.port2.postMessage(undefined);
  });
}
