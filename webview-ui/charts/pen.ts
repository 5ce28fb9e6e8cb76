// What charts of ours are drawn with. The same drawing goes to a canvas on the screen or in a PNG, and to an SVG file.

export interface Stroke {
  color: string;
  width: number;
  alpha?: number;
  dash?: readonly number[];
}

export interface Lettering {
  color: string;
  align?: 'start' | 'center' | 'end';
  /** Turned a quarter to the left, for titles of upright axes. */
  isUpright?: boolean;
}

/** Coordinates in CSS pixels from the upper left. */
export interface Pen {
  /** Polylines as x, y pairs one after the other; a pair of NaN lifts the pen. */
  lines(path: readonly number[], stroke: Stroke): void;
  /** The inside of a closed line of x, y pairs. */
  area(outline: readonly number[], fill: { color: string; alpha: number }): void;
  /** Draws what stays inside a box, from its upper left to its lower right. */
  inside(box: readonly [left: number, top: number, right: number, bottom: number], draw: () => void): void;
  /** Dots as x, y pairs. */
  dots(centers: readonly number[], dot: { color: string; radius: number; alpha?: number; isRing?: boolean }): void;
  text(x: number, y: number, text: string, lettering: Lettering): void;
}

/** Draws a chart with the given pen into a place of so many CSS pixels. */
export type Draw = (pen: Pen, width: number, height: number) => void;

/** A pen on a canvas whose context is scaled to CSS pixels. */
export function canvasPen(context: CanvasRenderingContext2D, font: string): Pen {
  context.font = font;
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  return {
    lines(path, { color, width, alpha = 1, dash = [] }) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.globalAlpha = alpha;
      context.setLineDash(dash as number[]);
      context.beginPath();
      let isDown = false;
      for (let i = 0; i < path.length; i += 2) {
        const x = path[i]!;
        if (Number.isNaN(x)) isDown = false;
        else if (isDown) context.lineTo(x, path[i + 1]!);
        else {
          context.moveTo(x, path[i + 1]!);
          isDown = true;
        }
      }
      context.stroke();
      context.globalAlpha = 1;
    },
    area(outline, { color, alpha }) {
      context.fillStyle = color;
      context.globalAlpha = alpha;
      context.beginPath();
      for (let i = 0; i < outline.length; i += 2) context.lineTo(outline[i]!, outline[i + 1]!);
      context.closePath();
      context.fill();
      context.globalAlpha = 1;
    },
    inside([left, top, right, bottom], draw) {
      context.save();
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
      draw();
      context.restore();
    },
    dots(centers, { color, radius, alpha = 1, isRing }) {
      context.globalAlpha = alpha;
      context.fillStyle = color;
      context.strokeStyle = color;
      context.lineWidth = 1.5;
      context.setLineDash([]);
      context.beginPath();
      for (let i = 0; i < centers.length; i += 2) {
        context.moveTo(centers[i]! + radius, centers[i + 1]!);
        context.arc(centers[i]!, centers[i + 1]!, radius, 0, 2 * Math.PI);
      }
      if (isRing) context.stroke();
      else context.fill();
      context.globalAlpha = 1;
    },
    text(x, y, text, { color, align = 'start', isUpright }) {
      context.fillStyle = color;
      context.textAlign = align;
      if (!isUpright) {
        context.fillText(text, x, y);
        return;
      }
      context.save();
      context.translate(x, y);
      context.rotate(-Math.PI / 2);
      context.fillText(text, 0, 0);
      context.restore();
    },
  };
}

/** Draws on a canvas of so many CSS pixels, each made of `ratio` × `ratio` of its own. */
export function paintCanvas(
  canvas: HTMLCanvasElement,
  draw: Draw,
  font: string,
  width: number,
  height: number,
  ratio: number,
  background?: string,
): void {
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  if (background) {
    context.fillStyle = background;
    context.fillRect(0, 0, width, height);
  }
  draw(canvasPen(context, font), width, height);
}

/** A pen whose drawing is the text of an SVG document. */
export function svgPen(width: number, height: number, font: string, background: string): Pen & { document(): string } {
  const parts: string[] = [];
  let clips = 0;
  const round = (value: number) => String(Math.round(value * 100) / 100);
  return {
    lines(path, { color, width: strokeWidth, alpha, dash }) {
      let data = '';
      let isDown = false;
      for (let i = 0; i < path.length; i += 2) {
        const x = path[i]!;
        if (!Number.isNaN(x)) data += `${isDown ? 'L' : 'M'}${round(x)} ${round(path[i + 1]!)}`;
        isDown = !Number.isNaN(x);
      }
      parts.push(
        `<path d="${data}" fill="none" stroke="${escaped(color)}" stroke-width="${strokeWidth}"` +
          `${alpha === undefined ? '' : ` stroke-opacity="${alpha}"`}` +
          `${dash && dash.length > 0 ? ` stroke-dasharray="${dash.join(' ')}"` : ''}/>`,
      );
    },
    area(outline, { color, alpha }) {
      const points: string[] = [];
      for (let i = 0; i < outline.length; i += 2) points.push(`${round(outline[i]!)},${round(outline[i + 1]!)}`);
      parts.push(`<polygon points="${points.join(' ')}" fill="${escaped(color)}" fill-opacity="${alpha}"/>`);
    },
    inside([left, top, right, bottom], draw) {
      clips += 1;
      parts.push(
        `<clipPath id="box${clips}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>` +
          `</clipPath><g clip-path="url(#box${clips})">`,
      );
      draw();
      parts.push('</g>');
    },
    dots(centers, { color, radius, alpha, isRing }) {
      const paint = isRing
        ? `fill="none" stroke="${escaped(color)}" stroke-width="1.5"`
        : `fill="${escaped(color)}"${alpha === undefined ? '' : ` fill-opacity="${alpha}"`}`;
      const circles: string[] = [];
      for (let i = 0; i < centers.length; i += 2) {
        circles.push(`<circle cx="${round(centers[i]!)}" cy="${round(centers[i + 1]!)}" r="${radius}"/>`);
      }
      parts.push(`<g ${paint}>${circles.join('')}</g>`);
    },
    text(x, y, text, { color, align = 'start', isUpright }) {
      const anchor = { start: 'start', center: 'middle', end: 'end' }[align];
      const turn = isUpright ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : '';
      parts.push(
        `<text x="${round(x)}" y="${round(y)}" fill="${escaped(color)}" text-anchor="${anchor}"` +
          ` dominant-baseline="central"${turn}>${escaped(text)}</text>`,
      );
    },
    document: () =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"` +
      ` style="font:${escaped(font)}"><rect width="100%" height="100%" fill="${escaped(background)}"/>${parts.join('')}</svg>\n`,
  };
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
