// The few icons the pages need, drawn on 16 × 16 pixels: icon fonts do not load under our content security policy.

const shapes = {
  check: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm3.6 4.6-4.2 5-2.9-2.5.8-.9 2 1.7 3.4-4.1.9.8Z" />,
  cross: (
    <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm2.9 8.5-.9.9-2-2-2 2-.9-.9 2-2-2-2 .9-.9 2 2 2-2 .9.9-2 2 2 2Z" />
  ),
  warning: <path d="M8 1.6 15.2 14H.8L8 1.6Zm-.7 4.6v4h1.4v-4H7.3Zm0 5v1.4h1.4v-1.4H7.3Z" />,
  clock: (
    <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm0 1.2a5.3 5.3 0 1 1 0 10.6A5.3 5.3 0 0 1 8 2.7Zm-.6 1.8v4l3 1.8.6-1-2.4-1.4V4.5H7.4Z" />
  ),
  running: (
    <path d="M8 1.5A6.5 6.5 0 1 0 14.5 8h-1.2A5.3 5.3 0 1 1 8 2.7V1.5Zm0 3.2a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6Z" />
  ),
  stopped: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5.5 5.5h5v5h-5v-5Z" />,
  paused: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5.6 5.2H7v5.6H5.6V5.2Zm3.4 0h1.4v5.6H9V5.2Z" />,
  unknown: (
    <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm.7 10.1H7.3v-1.3h1.4v1.3Zm0-2.2H7.3c0-1.7 1.7-1.6 1.7-2.8 0-.6-.4-1-1-1s-1 .4-1 1H5.6c0-1.4 1-2.3 2.4-2.3s2.4.9 2.4 2.3c0 1.6-1.7 1.8-1.7 2.8Z" />
  ),
  circle: <path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 1.2a4.8 4.8 0 1 1 0 9.6 4.8 4.8 0 0 1 0-9.6Z" />,
  copy: <path d="M5 1h7l2 2v8h-2v1.2H5V1Zm1.2 1.2V11h6.6V4H11V2.2H6.2ZM2 4h1.8v9.8H11V15H2V4Z" />,
  receipt: (
    <path d="M3 1.2h10v13.6l-1.7-1.1-1.6 1.1L8 13.7l-1.7 1.1-1.6-1.1L3 14.8V1.2Zm1.2 1.2v10.2l.5-.3 1.6 1.1L8 12.3l1.7 1.1 1.6-1.1.5.3V2.4H4.2ZM5.5 5h5v1.1h-5V5Zm0 2.6h5v1.1h-5V7.6Z" />
  ),
  pin: (
    <path d="M10 1.2 14.8 6l-.9.9-.8-.2-2.9 2.9.2 2.4-.9.9-2.9-2.9-4 4-.9-.9 4-4L2.8 6.2l.9-.9 2.4.2L9 2.6l-.2-.8.9-.9.3.3Z" />
  ),
  more: (
    <path d="M3 6.8a1.2 1.2 0 1 1 0 2.4 1.2 1.2 0 0 1 0-2.4Zm5 0a1.2 1.2 0 1 1 0 2.4 1.2 1.2 0 0 1 0-2.4Zm5 0a1.2 1.2 0 1 1 0 2.4 1.2 1.2 0 0 1 0-2.4Z" />
  ),
  chevron: <path d="m5.7 3.2.9-.9L12.3 8l-5.7 5.7-.9-.9L10.5 8 5.7 3.2Z" />,
  up: <path d="M8 3.6 13.4 9l-.9.9L8 5.4 3.5 9.9 2.6 9 8 3.6Z" />,
  down: <path d="M8 12.4 2.6 7l.9-.9L8 10.6l4.5-4.5.9.9L8 12.4Z" />,
} as const;

export type IconName = keyof typeof shapes;

/** A sign beside words, never instead of them: hidden from screen readers. */
export function Icon({ name, tone }: { name: IconName; tone?: string }) {
  return (
    <svg class={`icon${tone ? ` tone-${tone}` : ''}`} viewBox="0 0 16 16" fill-rule="evenodd" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
