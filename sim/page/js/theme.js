// Light or dark: as the system has it until somebody chooses; then as chosen, where that can be kept.
const system = matchMedia("(prefers-color-scheme: dark)");

function keptTheme() {
  try {
    return localStorage.getItem("seawall-theme");
  } catch {
    return null;
  }
}

const theme = { chosen: keptTheme(), listeners: new Set() };

const isDark = () => (theme.chosen ? theme.chosen === "dark" : system.matches);

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  theme.listeners.forEach((listener) => listener());
}

function toggleTheme() {
  theme.chosen = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("seawall-theme", theme.chosen);
  } catch {
    // A file opened from disk may have nowhere to keep it.
  }
  showTheme();
}

system.addEventListener("change", showTheme);
showTheme();

function useTheme() {
  const [dark, setDark] = useState(isDark());
  useEffect(() => {
    const listener = () => setDark(isDark());
    theme.listeners.add(listener);
    return () => theme.listeners.delete(listener);
  }, []);
  return dark;
}
