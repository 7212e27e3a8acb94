// Filters the page by workload and system, reveals the targets of links, and unfolds for print.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const state = document.getElementById("filter-state");
  const parts = [...document.querySelectorAll("[data-workload], [data-systems]")];
  const tables = [...document.querySelectorAll(".wide > table")];

  const chosen = (name) =>
    [...form.querySelectorAll(`input[name="${name}"]:checked`)].filter((input) => input.value);

  function isHidden(part, workload, systems) {
    const { workload: ofWorkload, systems: ofSystems } = part.dataset;
    if (workload && ofWorkload && ofWorkload !== workload) return true;
    if (systems.length === 0 || !ofSystems) return false;
    return !ofSystems.split(" ").some((system) => systems.includes(system));
  }

  function apply() {
    const workloads = chosen("workload");
    const systems = chosen("system");
    const names = systems.map((input) => input.value);
    const workload = workloads.length > 0 ? workloads[0].value : "";
    for (const part of parts) {
      part.classList.toggle("filtered", isHidden(part, workload, names));
    }
    // A table of which no row is left is hidden as a whole.
    for (const table of tables) {
      const rows = [...table.tBodies[0].rows];
      const isEmpty = rows.length > 0 && rows.every((row) => row.classList.contains("filtered"));
      table.parentElement.classList.toggle("filtered", isEmpty);
    }
    const labels = systems.map((input) => input.parentElement.textContent.trim());
    const shown = [workload, labels.join(", ")].filter(Boolean).join("; ");
    state.textContent = shown ? `only ${shown}` : "everything is shown";
  }

  // A link may lead into what is hidden or folded up.
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest(".filtered")) {
      form.reset();
      apply();
    }
    for (let at = target.closest("details"); at; at = at.parentElement.closest("details")) {
      at.open = true;
    }
    target.scrollIntoView();
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });

  if (form.querySelector("input")) {
    form.hidden = false;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    // The form is reset after this event, not before.
    form.addEventListener("reset", () => setTimeout(apply));
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
