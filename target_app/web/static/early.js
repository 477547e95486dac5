// Before the first paint: who is here, so that nothing moves later, and nobody sees a page that is not for them.
{
  const { dataset } = document.documentElement;
  const kept = sessionStorage.getItem("session");
  dataset.role = kept ? JSON.parse(kept).role : "nobody";
  if (dataset.needs && dataset.role === "nobody") {
    location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  } else if ((dataset.needs === "patient" || dataset.needs === "doctor") && dataset.role !== dataset.needs) {
    location.replace("/");
  }
}
