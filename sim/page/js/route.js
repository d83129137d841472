// Where the reader is, in the address: `#/` or `#/failure/ID/step/N`, with `/beside` for two runs.
function parseRoute() {
  const parts = location.hash.replace(/^#\/?/, "").split("/");
  if (parts[0] !== "failure") return { page: "overview" };
  const step = parts[2] === "step" ? Number.parseInt(parts[3], 10) : NaN;
  return { page: "failure", id: parts[1], step: Number.isNaN(step) ? null : step, isBeside: parts[4] === "beside" };
}

const routeTo = (id, step, isBeside) => `#/failure/${id}/step/${step}${isBeside ? "/beside" : ""}`;

// Steps leave no trail: to go back is to leave the failure.
function goTo(hash) {
  if (hash !== location.hash) {
    window.history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

function useRoute() {
  const [route, setRoute] = useState(parseRoute());
  useEffect(() => {
    const listener = () => setRoute(parseRoute());
    window.addEventListener("hashchange", listener);
    return () => window.removeEventListener("hashchange", listener);
  }, []);
  return route;
}
