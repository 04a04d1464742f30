import { useEffect, useRef } from 'preact/hooks';

export interface SearchProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  wide?: boolean;
}

/** What a slash leads to. Escape empties it, and leaves it when it is empty. */
export function Search({ label, value, onChange, wide = false }: SearchProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // a link or the way back may ask for something else than was typed
    if (input.current && document.activeElement !== input.current) input.current.value = value;
  }, [value]);
  return (
    <span class={wide ? 'search wide' : 'search'}>
      <input
        ref={input}
        type="search"
        defaultValue={value}
        placeholder={label}
        aria-label={label}
        spellcheck={false}
        autocomplete="off"
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
        onKeyDown={({ key, currentTarget }) => {
          if (key !== 'Escape') return;
          if (currentTarget.value === '') currentTarget.blur();
          currentTarget.value = '';
          onChange('');
        }}
      />
    </span>
  );
}
