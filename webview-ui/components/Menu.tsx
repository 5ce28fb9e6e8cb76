// A button that opens a small menu, after the WAI-ARIA menu button pattern: arrow keys move, Escape closes and returns.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './Icon.tsx';

export interface MenuItem {
  title: string;
  act: () => void;
}

export function Menu({ label, items }: { label: string; items: readonly MenuItem[] }) {
  const choose = (item: MenuItem, close: () => void) => {
    close();
    item.act();
  };
  return (
    <Popover label={label} button={<Icon name="more" />} role="menu">
      {(close) =>
        items.map((item) => (
          <button key={item.title} type="button" role="menuitem" tabIndex={-1} onClick={() => choose(item, close)}>
            {item.title}
          </button>
        ))
      }
    </Popover>
  );
}

export interface PopoverProps {
  label: string;
  /** What the button shows; the label is its name. */
  button: ComponentChildren;
  role?: 'menu' | 'dialog';
  children: (close: () => void) => ComponentChildren;
}

/** A button with something that opens below it, closed by Escape, by a click elsewhere, or by leaving it. */
export function Popover({ label, button, role = 'dialog', children }: PopoverProps) {
  const [isOpen, setIsOpen] = useState(false);
  const place = useRef<HTMLSpanElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    setIsOpen(false);
    opener.current?.focus();
  };

  useEffect(() => {
    if (!isOpen) return;
    entries(place.current!)[0]?.focus();
    const closeOutside = (event: Event) => {
      if (!place.current!.contains(event.target as Node)) setIsOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, [isOpen]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
      return;
    }
    const moves = { ArrowDown: 1, ArrowUp: -1, Home: 'first', End: 'last' } as const;
    const move = moves[event.key as keyof typeof moves];
    if (move === undefined || role !== 'menu') return;
    event.preventDefault();
    const all = entries(place.current!);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = move === 'first' ? 0 : move === 'last' ? all.length - 1 : (at + move + all.length) % all.length;
    all[to]?.focus();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the button and to what it opens
    <span class="popover" ref={place} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="popover-button"
        ref={opener}
        title={label}
        aria-label={label}
        aria-haspopup={role}
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
      >
        {button}
      </button>
      {isOpen && (
        // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles take a name
        <div class="popover-content" role={role} aria-label={label}>
          {children(close)}
        </div>
      )}
    </span>
  );
}

function entries(place: HTMLElement): HTMLElement[] {
  return [...place.querySelectorAll<HTMLElement>('.popover-content :is(button, input, select)')];
}
