"""Where the synthetic marketplace has listings: cities with their real places, and what a night costs there. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Season = Literal["city", "beach", "ski", "south"]


@dataclass(frozen=True, slots=True)
class Country:
    """A country: its ISO 4217 currency, how many of its units a US dollar buys, the step prices move in, and street names."""

    name: str
    currency: str
    units_per_usd: int
    price_step: int
    streets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class City:
    """A city: degrees north and east of its centre, when guests come, a usual night in US dollars, and its share of the listings."""

    name: str
    state: str
    country: str
    latitude: float
    longitude: float
    season: Season
    night_usd: int
    weight: int


COUNTRIES: Mapping[str, Country] = {
    "AU": Country("Australia", "AUD", 2, 5, ("George Street", "Victoria Parade", "Beach Road", "King Street")),
    "BR": Country(
        "Brazil", "BRL", 5, 5, ("Rua Augusta", "Avenida Atlântica", "Rua das Laranjeiras", "Rua da Consolação")
    ),
    "CA": Country(
        "Canada", "CAD", 1, 1, ("Queen Street West", "Rue Sainte-Catherine", "Robson Street", "Bloor Street")
    ),
    "CH": Country("Switzerland", "CHF", 1, 1, ("Bahnhofstrasse", "Seefeldquai", "Rue du Rhône", "Dorfstrasse")),
    "CZ": Country("Czechia", "CZK", 23, 10, ("Vinohradská", "Karlova", "Žitná", "Nerudova")),
    "DE": Country("Germany", "EUR", 1, 1, ("Kastanienallee", "Schönhauser Allee", "Lindenstraße", "Am Markt")),
    "DK": Country("Denmark", "DKK", 7, 5, ("Vesterbrogade", "Nørrebrogade", "Havnegade", "Østergade")),
    "ES": Country("Spain", "EUR", 1, 1, ("Carrer de Mallorca", "Calle de Alcalá", "Paseo Marítimo", "Calle Betis")),
    "FR": Country(
        "France", "EUR", 1, 1, ("Rue de Rivoli", "Boulevard Voltaire", "Promenade des Anglais", "Rue de l'Église")
    ),
    "GB": Country("United Kingdom", "GBP", 1, 1, ("High Street", "Victoria Road", "Church Lane", "Queen's Gate")),
    "GH": Country("Ghana", "GHS", 12, 5, ("Oxford Street", "Ring Road East", "Labadi Beach Road", "Cantonments Road")),
    "GR": Country("Greece", "EUR", 1, 1, ("Ermou", "Adrianou", "Paralia", "Odos Athinas")),
    "IN": Country("India", "INR", 83, 50, ("MG Road", "Hill Road", "Candolim Beach Road", "Brigade Road")),
    "IT": Country("Italy", "EUR", 1, 1, ("Via Roma", "Via Garibaldi", "Corso Umberto I", "Via dei Serpenti")),
    "JP": Country(
        "Japan", "JPY", 150, 100, ("Shinjuku 3-chome", "Asakusa 2-chome", "Namba 1-chome", "Susukino 4-chome")
    ),
    "KE": Country("Kenya", "KES", 130, 50, ("Ngong Road", "Waiyaki Way", "Diani Beach Road", "Kenyatta Avenue")),
    "MX": Country("Mexico", "MXN", 18, 10, ("Avenida Álvaro Obregón", "Calle 38", "Calle Orizaba", "Avenida Kukulcán")),
    "NL": Country("Netherlands", "EUR", 1, 1, ("Prinsengracht", "Damstraat", "Ceintuurbaan", "Witte de Withstraat")),
    "PL": Country("Poland", "PLN", 4, 5, ("ulica Długa", "Aleje Jerozolimskie", "ulica Floriańska", "ulica Józefa")),
    "PT": Country("Portugal", "EUR", 1, 1, ("Rua Augusta", "Avenida da Liberdade", "Rua das Flores", "Rua da Praia")),
    "SE": Country("Sweden", "SEK", 10, 5, ("Götgatan", "Drottninggatan", "Storgatan", "Hornsgatan")),
    "TH": Country("Thailand", "THB", 35, 10, ("Sukhumvit Road", "Nimman Road", "Patong Beach Road", "Silom Road")),
    "US": Country(
        "United States", "USD", 1, 1, ("Main Street", "Oak Avenue", "Ocean Drive", "2nd St NE", "Highland Blvd")
    ),
    "ZA": Country("South Africa", "ZAR", 18, 10, ("Long Street", "Kloof Street", "Beach Road", "Jan Smuts Avenue")),
}

CITIES: tuple[City, ...] = (
    City("New York", "NY", "US", 40.7128, -74.0060, "city", 190, 26),
    City("Los Angeles", "CA", "US", 34.0522, -118.2437, "city", 165, 22),
    City("San Francisco", "CA", "US", 37.7749, -122.4194, "city", 180, 12),
    City("San Diego", "CA", "US", 32.7157, -117.1611, "beach", 170, 10),
    City("Miami", "FL", "US", 25.7617, -80.1918, "ski", 175, 16),
    City("Orlando", "FL", "US", 28.5383, -81.3792, "city", 130, 14),
    City("Austin", "TX", "US", 30.2672, -97.7431, "city", 140, 10),
    City("Nashville", "TN", "US", 36.1627, -86.7816, "city", 155, 8),
    City("New Orleans", "LA", "US", 29.9511, -90.0715, "city", 145, 8),
    City("Chicago", "IL", "US", 41.8781, -87.6298, "city", 135, 12),
    City("Seattle", "WA", "US", 47.6062, -122.3321, "city", 145, 9),
    City("Portland", "OR", "US", 45.5152, -122.6784, "city", 115, 6),
    City("Portland", "ME", "US", 43.6591, -70.2568, "beach", 150, 3),
    City("Denver", "CO", "US", 39.7392, -104.9903, "city", 125, 7),
    City("Aspen", "CO", "US", 39.1911, -106.8175, "ski", 390, 3),
    City("Honolulu", "HI", "US", 21.3069, -157.8583, "city", 195, 9),
    City("Washington", "DC", "US", 38.9072, -77.0369, "city", 140, 8),
    City("Boston", "MA", "US", 42.3601, -71.0589, "city", 170, 7),
    City("Savannah", "GA", "US", 32.0809, -81.0912, "city", 140, 4),
    City("Toronto", "ON", "CA", 43.6532, -79.3832, "city", 120, 10),
    City("Montréal", "QC", "CA", 45.5017, -73.5673, "city", 100, 8),
    City("Vancouver", "BC", "CA", 49.2827, -123.1207, "city", 150, 7),
    City("Whistler", "BC", "CA", 50.1163, -122.9574, "ski", 280, 3),
    City("Ciudad de México", "CDMX", "MX", 19.4326, -99.1332, "city", 70, 11),
    City("Cancún", "Quintana Roo", "MX", 21.1619, -86.8515, "ski", 110, 8),
    City("Oaxaca", "Oaxaca", "MX", 17.0732, -96.7266, "city", 60, 4),
    City("Rio de Janeiro", "RJ", "BR", -22.9068, -43.1729, "south", 75, 12),
    City("São Paulo", "SP", "BR", -23.5505, -46.6333, "city", 55, 8),
    City("Florianópolis", "SC", "BR", -27.5954, -48.5480, "south", 85, 6),
    City("London", "England", "GB", 51.5074, -0.1278, "city", 190, 26),
    City("Edinburgh", "Scotland", "GB", 55.9533, -3.1883, "city", 160, 8),
    City("Brighton", "England", "GB", 50.8225, -0.1372, "beach", 140, 4),
    City("Paris", "Île-de-France", "FR", 48.8566, 2.3522, "city", 165, 26),
    City("Nice", "Provence-Alpes-Côte d'Azur", "FR", 43.7102, 7.2620, "beach", 140, 8),
    City("Chamonix-Mont-Blanc", "Auvergne-Rhône-Alpes", "FR", 45.9237, 6.8694, "ski", 210, 4),
    City("Barcelona", "Catalunya", "ES", 41.3851, 2.1734, "city", 135, 14),
    City("Madrid", "Comunidad de Madrid", "ES", 40.4168, -3.7038, "city", 110, 12),
    City("Málaga", "Andalucía", "ES", 36.7213, -4.4214, "beach", 105, 9),
    City("Palma", "Illes Balears", "ES", 39.5696, 2.6502, "beach", 160, 8),
    City("Lisboa", "Lisboa", "PT", 38.7223, -9.1393, "city", 115, 12),
    City("Porto", "Porto", "PT", 41.1579, -8.6291, "city", 90, 8),
    City("Roma", "Lazio", "IT", 41.9028, 12.4964, "city", 130, 16),
    City("Milano", "Lombardia", "IT", 45.4642, 9.1900, "city", 140, 10),
    City("Venezia", "Veneto", "IT", 45.4408, 12.3155, "city", 175, 6),
    City("Berlin", "Berlin", "DE", 52.5200, 13.4050, "city", 110, 12),
    City("München", "Bayern", "DE", 48.1351, 11.5820, "city", 145, 7),
    City("Amsterdam", "Noord-Holland", "NL", 52.3676, 4.9041, "city", 195, 8),
    City("København", "Hovedstaden", "DK", 55.6761, 12.5683, "city", 150, 7),
    City("Stockholm", "Stockholms län", "SE", 59.3293, 18.0686, "city", 125, 5),
    City("Zürich", "Zürich", "CH", 47.3769, 8.5417, "city", 180, 4),
    City("Zermatt", "Valais", "CH", 46.0207, 7.7491, "ski", 330, 3),
    City("Praha", "Praha", "CZ", 50.0755, 14.4378, "city", 90, 7),
    City("Kraków", "Małopolskie", "PL", 50.0647, 19.9450, "city", 65, 6),
    City("Athína", "Attikí", "GR", 37.9838, 23.7275, "city", 85, 8),
    City("Thíra", "Notio Aigaio", "GR", 36.3932, 25.4615, "beach", 240, 4),
    City("Cape Town", "Western Cape", "ZA", -33.9249, 18.4241, "south", 95, 8),
    City("Nairobi", "Nairobi County", "KE", -1.2921, 36.8219, "city", 55, 5),
    City("Accra", "Greater Accra", "GH", 5.6037, -0.1870, "city", 65, 4),
    City("Mumbai", "Maharashtra", "IN", 19.0760, 72.8777, "city", 50, 6),
    City("Panaji", "Goa", "IN", 15.4909, 73.8278, "ski", 60, 5),
    City("Bangkok", "Bangkok", "TH", 13.7563, 100.5018, "city", 50, 8),
    City("Chiang Mai", "Chiang Mai", "TH", 18.7883, 98.9853, "ski", 40, 4),
    City("Tokyo", "Tokyo", "JP", 35.6762, 139.6503, "city", 115, 12),
    City("Osaka", "Osaka", "JP", 34.6937, 135.5023, "city", 95, 7),
    City("Sapporo", "Hokkaido", "JP", 43.0618, 141.3545, "ski", 90, 4),
    City("Sydney", "NSW", "AU", -33.8688, 151.2093, "south", 160, 9),
    City("Melbourne", "VIC", "AU", -37.8136, 144.9631, "south", 130, 8),
    City("Byron Bay", "NSW", "AU", -28.6474, 153.6020, "south", 190, 3),
)
