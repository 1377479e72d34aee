"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("chart-specifications").textContent);
  const PRINTED_WIDTH = { wide: 700, half: 344 };
  const views = [];

  function say(element, error) {
    element.textContent = "This chart can't be drawn here; its numbers are in the CSV.";
    element.setAttribute("data-chart", "failed");
    console.error(element.id, error);
  }

  function draw(element) {
    try {
      const compiled = vegaLite.compile(specs[element.dataset.name]).spec;
      const view = new vega.View(vega.parse(compiled), {
        container: element,
        renderer: "svg",
        hover: true,
        logLevel: vega.Warn,
      });
      views.push({ element, view });
      view.runAsync().then(
        () => element.setAttribute("data-chart", "drawn"),
        (error) => say(element, error),
      );
    } catch (error) {
      say(element, error);
    }
  }

  function fit(widthOf) {
    for (const { element, view } of views) view.width(widthOf(element)).run();
  }

  document.querySelectorAll(".chart").forEach(draw);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => (part.open = true));
    fit((element) =>
      element.closest(".wide") ? PRINTED_WIDTH.wide : PRINTED_WIDTH.half,
    );
  });
  window.addEventListener("afterprint", () => fit((element) => element.clientWidth));
})();
